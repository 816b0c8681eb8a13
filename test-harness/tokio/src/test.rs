//! A test under `#[gleak_test_harness::test(runtime = "tokio")]`: its runtime, its body, and its verdict.
//!
//! The body runs on a thread of its own, which drives the runtime until the verdict is given; the thread of
//! the test looks on. So a body that can never end fails its test, and what is left behind goes on while
//! it settles, on a runtime of one thread as well.
//!
//! Invariants:
//! 1. The runtime is the test's own: nobody else's tasks are counted.
//! 2. The thread of the test never waits for the other one without a limit, unless the body may go on.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::task::Poll;
use std::time::{Duration, Instant};

use gleak_detector::{Certainty, Report};
use gleak_test_harness::adapter::{Body, Judge, Outcome};
use tokio::runtime::{self, Runtime, RuntimeMetrics};
use tokio::sync::Notify;

use crate::collect::collect;
use crate::region::Region;
use crate::root::{Root, message};
use crate::settle::Scene;
use crate::snapshot::{Reason, RegionId, RegionKind, Snapshot};
use crate::task::{Identity, Kind, Origin, Said};
use crate::{clock, hooks, ledger};

/// When a body that goes on is first judged, and how far apart that becomes.
const FIRST_JUDGEMENT: Duration = Duration::from_millis(250);
const JUDGEMENTS_APART: Duration = Duration::from_secs(4);

/// The runtime that a test asks for.
#[derive(Clone, Copy, Debug)]
pub struct Flavor {
    /// As `flavor = "multi_thread"`.
    pub multi_thread: bool,
    /// As `worker_threads`.
    pub worker_threads: Option<usize>,
    /// As `start_paused`.
    pub start_paused: bool,
}

impl Flavor {
    /// The runtime of a region.
    fn build(self, own: &Arc<Region>) -> std::io::Result<Runtime> {
        let mut builder = match self.multi_thread {
            true => runtime::Builder::new_multi_thread(),
            false => runtime::Builder::new_current_thread(),
        };
        if let Some(count) = self.worker_threads {
            builder.worker_threads(count);
        }
        builder.enable_all().start_paused(self.start_paused);
        hooks::install(&mut builder, Some(Arc::clone(own))).build()
    }
}

/// What the body's thread tells.
enum News {
    Started(RuntimeMetrics),
    Ended(Body, Option<String>),
}

/// Runs a test; the message of its failure.
///
/// # Errors
/// When it fails.
#[track_caller]
pub fn run<F, B>(judge: &Judge<'_>, flavor: Flavor, body: B) -> Result<(), String>
where
    B: FnOnce() -> F + Send + 'static,
    F: Future + 'static,
    F::Output: Outcome,
{
    let region = Region::open(RegionKind::Test, judge.name(), Location::caller());
    let entry = std::any::type_name::<F>();
    let origin = Origin { site: region.site, entry };
    let (tell, news) = channel();
    let stop = Arc::new(Notify::new());
    let stage = Stage {
        region: Arc::clone(&region),
        identity: Identity {
            kind: Kind::Main,
            origin,
            background: false,
            said: Some(Box::new(Said { name: Some(judge.name().to_owned()), ..Said::default() })),
        },
        stop: Arc::clone(&stop),
        tell,
        cleanup: judge.cleanup(),
    };
    let thread = std::thread::Builder::new().name(judge.name().to_owned());
    let started = thread.spawn(move || stage.run(flavor, body));
    started.map_err(|error| format!("gleak: no thread for the test: {error}"))?;
    let failure = watch(judge, &region, &news);
    region.close();
    stop.notify_one();
    failure.map_or(Ok(()), Err)
}

/// What the body's thread works with.
struct Stage {
    region: Arc<Region>,
    identity: Identity,
    stop: Arc<Notify>,
    tell: Sender<News>,
    cleanup: Option<fn()>,
}

impl Stage {
    fn run<F>(self, flavor: Flavor, body: impl FnOnce() -> F)
    where
        F: Future,
        F::Output: Outcome,
    {
        let Stage { region, identity, stop, tell, cleanup } = self;
        let runtime = match flavor.build(&region) {
            Ok(runtime) => runtime,
            Err(error) => {
                let text = format!("gleak: no runtime for the test: {error}");
                // Nobody listens any more when the test is over.
                let _ = tell.send(News::Ended(Body::NotStarted(text), None));
                return;
            }
        };
        let _ = tell.send(News::Started(runtime.metrics()));
        runtime.block_on(async {
            let mut stopped = pin!(stop.notified());
            let task = ledger::enter_region(identity, region);
            let ended = {
                let mut root = pin!(Root::new(async { body().await.into_result() }, task));
                first(root.as_mut(), stopped.as_mut()).await
            };
            let Some(ended) = ended else { return };
            let unclean = cleanup.and_then(|hook| catch_unwind(hook).err());
            let _ = tell.send(News::Ended(ended, unclean.map(|payload| message(&*payload))));
            stopped.await;
        });
        // Whoever blocks a thread of it is not waited for.
        runtime.shutdown_background();
    }
}

/// How the body has ended; none when it is stopped.
async fn first<B>(
    mut body: Pin<&mut B>,
    mut stopped: Pin<&mut impl Future<Output = ()>>,
) -> Option<Body>
where
    B: Future<Output = Result<(), String>>,
{
    std::future::poll_fn(|cx| {
        if stopped.as_mut().poll(cx).is_ready() {
            return Poll::Ready(None);
        }
        match catch_unwind(AssertUnwindSafe(|| body.as_mut().poll(cx))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(returned)) => Poll::Ready(Some(Body::Returned(returned))),
            Err(payload) => Poll::Ready(Some(panicked(&*payload))),
        }
    })
    .await
}

fn panicked(payload: &(dyn Any + Send)) -> Body {
    let said = message(payload);
    Body::Panicked { told: format!("panicked: {said}"), said }
}

/// Looks on until the body has ended, or cannot end; the message of the test's failure.
fn watch(judge: &Judge<'_>, region: &Arc<Region>, news: &Receiver<News>) -> Option<String> {
    let started = clock::now();
    let late = judge.deadline().map(|limit| (started + limit, limit));
    let (mut every, mut runtime) = (FIRST_JUDGEMENT, None);
    let mut next = started + every;
    loop {
        let wake = late.map_or(next, |(at, _)| at.min(next));
        match news.recv_timeout(wake.saturating_duration_since(clock::now())) {
            Ok(News::Started(metrics)) => runtime = Some(metrics),
            Ok(News::Ended(body, unclean)) => {
                return after(&Scene { region, judge, runtime }, body, unclean);
            }
            Err(RecvTimeoutError::Disconnected) => {
                return Some("gleak: the thread of the test has gone".to_owned());
            }
            Err(RecvTimeoutError::Timeout) => {
                if let Some((_, limit)) = late.filter(|(at, _)| is_past(*at)) {
                    let snapshot = collect(Reason::Late, None);
                    return Some(judge.late(
                        limit,
                        &look_around(judge, region, &snapshot),
                        &snapshot,
                    ));
                }
                let snapshot = collect(Reason::Region, None);
                if let Some(report) = judge.judge_unended(&snapshot, RegionId(region.id)) {
                    judge.charge(&report);
                    return Some(judge.stuck(&report));
                }
                every = (every * 2).min(JUDGEMENTS_APART);
                next = clock::now() + every;
            }
        }
    }
}

fn is_past(at: Instant) -> bool {
    clock::now() >= at
}

/// What the tasks of a test that is late do, and what of it is certain.
fn look_around(judge: &Judge<'_>, region: &Region, snapshot: &Snapshot) -> Report {
    let mut report = judge.judge(snapshot, RegionId(region.id), Duration::ZERO);
    // That they are alive is no finding: the test has not ended.
    report.findings.retain(|finding| finding.certainty == Certainty::Certain);
    judge.charge(&report);
    report
}

/// The body has ended: waits for what could still finish, and judges the rest.
fn after(scene: &Scene<'_>, body: Body, unclean: Option<String>) -> Option<String> {
    let ended = clock::now();
    let unwrapped = scene.settle();
    let report = scene.report(unwrapped, ended.elapsed());
    scene.judge.charge(&report);
    scene.judge.verdict(body, unclean, &report)
}

//! tokio's select over two or eight channels. Its channels hold at least one value, so the
//! "unbuffered" ones here hold one.

use tokio::sync::mpsc::{Receiver, Sender, channel};

use crate::protocol::{Clock, Figures};

/// The works over `$k` channels, in a module of their own: an async block cannot be handed in as a
/// function that borrows.
macro_rules! works {
    ($k:literal, $ready:ident, $blocking:ident, $round_trip:ident: $($it:ident)+) => {
        pub(crate) async fn $ready(n: u64) -> Figures {
            let (sends, [$(mut $it),+]) = chans::<$k>();
            let clock = Clock::start();
            for i in 0..n {
                sends[i as usize % $k].send(i).await.expect("open");
                tokio::select! { $(value = $it.recv() => value,)+ };
            }
            clock.ns(n)
        }

        pub(crate) async fn $blocking(n: u64) -> Figures {
            let (sends, [$(mut $it),+]) = chans::<$k>();
            // The senders come back: a channel without any would be ready all the time.
            let other = tokio::spawn(async move {
                for i in 0..n {
                    sends[i as usize % $k].send(i).await.expect("open");
                }
                sends
            });
            let clock = Clock::start();
            for _ in 0..n {
                tokio::select! { $(value = $it.recv() => value,)+ };
            }
            let figures = clock.ns(n);
            other.await.expect("no panic");
            figures
        }

        pub(crate) async fn $round_trip(n: u64) -> Figures {
            let (there, mut asked) = channel::<u64>(1);
            let (sends, [$(mut $it),+]) = chans::<$k>();
            let other = tokio::spawn(async move {
                while let Some(i) = asked.recv().await {
                    sends[i as usize % $k].send(i).await.expect("open");
                }
            });
            let clock = Clock::start();
            for i in 0..n {
                there.send(i).await.expect("open");
                tokio::select! { $(value = $it.recv() => value,)+ };
            }
            let figures = clock.ns(n);
            drop(there);
            other.await.expect("no panic");
            figures
        }
    };
}

fn chans<const K: usize>() -> ([Sender<u64>; K], [Receiver<u64>; K]) {
    let chans = Vec::from_iter((0..K).map(|_| channel(1)));
    let (sends, receives): (Vec<_>, Vec<_>) = chans.into_iter().unzip();
    let Ok(sends) = sends.try_into() else { unreachable!("there are K") };
    let Ok(receives) = receives.try_into() else { unreachable!("there are K") };
    (sends, receives)
}

works!(2, ready_2, blocking_2, round_trip_2: a b);
works!(8, ready_8, blocking_8, round_trip_8: a b c d e f g h);

//! What the tests of names look into: a function inlined in another one, and nothing else.
#![no_std]
#![cfg_attr(program, no_main)]

pub mod jobs {
    #[inline(always)]
    fn take(job: u32) -> u32 {
        core::hint::black_box(job) // taken
    }

    #[inline(never)]
    pub fn work(jobs: u32) -> u32 {
        let mut sum = 1;
        for job in 0..jobs {
            sum ^= take(job); // called
        }
        sum
    }
}

#[no_mangle]
pub extern "C" fn entry(jobs: u32) -> u32 {
    jobs::work(jobs)
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

//! The interface as it was sketched, and what the sketch did not do.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use tripoint_sync::*;

#[test]
fn the_numbers_are_those_that_were_asked_for() {
    let asked = [IDLE, WASM_WRITING, GPU_READING, GPU_WRITING, NPU_READING, NPU_WRITING];
    assert_eq!(asked, [0, 1, 2, 3, 4, 5]);
}

#[test]
fn every_technology_reads_and_writes_under_its_own_state() {
    let sync = MemorySynchronizer::new(2);
    for (who, reading, writing) in [
        (Technology::Wasm, WASM_READING, WASM_WRITING),
        (Technology::WebGPU, GPU_READING, GPU_WRITING),
        (Technology::WebNN, NPU_READING, NPU_WRITING),
        (Technology::Host, HOST_READING, HOST_WRITING),
    ] {
        sync.acquire_read(1, who).unwrap();
        assert_eq!(sync.state(1), reading);
        sync.release(1).unwrap();
        sync.acquire_write(1, who).unwrap();
        assert_eq!(sync.state(1), writing);
        assert_eq!(sync.state(0), IDLE);
        sync.release(1).unwrap();
        assert_eq!(sync.state(1), IDLE);
    }
}

#[test]
fn two_readers_survive_one_release() {
    let sync = MemorySynchronizer::new(1);
    sync.acquire_read(0, Technology::WebGPU).unwrap();
    sync.acquire_read(0, Technology::WebGPU).unwrap();
    sync.release(0).unwrap();
    assert_eq!(sync.state(0), GPU_READING); // the sketch said IDLE here, and let a writer in
    let writer = sync.write(0, Technology::Host, Some(Duration::from_millis(1)));
    assert!(writer.is_err());
    sync.release(0).unwrap();
    assert!(sync.write(0, Technology::Host, Some(Duration::ZERO)).is_ok());
}

#[test]
fn misuse_is_an_error_in_words() {
    let sync = MemorySynchronizer::new(3);
    assert!(sync.release(0).unwrap_err().contains("region 0"));
    assert!(sync.acquire_read(3, Technology::Wasm).is_err());
    assert!(sync.acquire_write(usize::MAX, Technology::Wasm).is_err());
    assert!(MemorySynchronizer::try_new(0).is_err());
    assert!(MemorySynchronizer::try_new(usize::MAX).is_err());
}

#[test]
fn a_guard_downgrades_and_is_dropped_in_another_thread() {
    let sync = MemorySynchronizer::new(1);
    let guard = sync.write(0, Technology::WebGPU, None).unwrap();
    assert_eq!(sync.state(0), GPU_WRITING);
    let guard = guard.downgrade().unwrap();
    assert_eq!(sync.state(0), GPU_READING);
    thread::scope(|scope| {
        scope.spawn(move || drop(guard));
    });
    assert_eq!(sync.state(0), IDLE);
}

/// Readers check that the two halves of a value agree; writers change them one after the other.
#[test]
fn readers_never_see_half_a_write() {
    const ROUNDS: u64 = 20_000;
    let sync = Arc::new(MemorySynchronizer::new(1));
    let halves = Arc::new([AtomicU64::new(0), AtomicU64::new(0)]);
    let (torn, most) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
    let inside = Arc::new(AtomicU32::new(0));
    let mut threads = Vec::new();
    for who in [Technology::Wasm, Technology::WebGPU, Technology::WebNN] {
        let (sync, halves, torn, most, inside) =
            (sync.clone(), halves.clone(), torn.clone(), most.clone(), inside.clone());
        threads.push(thread::spawn(move || {
            for i in 0..ROUNDS {
                if i % 4 == 0 {
                    sync.acquire_write(0, who).unwrap();
                    let next = halves[0].load(Ordering::Relaxed) + 1;
                    halves[0].store(next, Ordering::Relaxed);
                    halves[1].store(next, Ordering::Relaxed);
                } else {
                    sync.acquire_read(0, who).unwrap();
                    most.fetch_max(inside.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
                    if halves[0].load(Ordering::Relaxed) != halves[1].load(Ordering::Relaxed) {
                        torn.store(true, Ordering::Relaxed);
                    }
                    inside.fetch_sub(1, Ordering::Relaxed);
                }
                sync.release(0).unwrap();
            }
        }));
    }
    for thread in threads {
        thread.join().unwrap();
    }
    assert!(!torn.load(Ordering::Relaxed));
    assert_eq!(halves[0].load(Ordering::Relaxed), 3 * ROUNDS / 4);
    assert_eq!(sync.state(0), IDLE);
}

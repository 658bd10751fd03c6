//! Who may read or write a region of shared memory.
//!
//! Every region has one word. Readers share it, a writer is alone; once a writer waits, later readers queue behind it.
//! This crate is the C synchronizer of Tripoint with the interface that was first
//! sketched for it ([`MemorySynchronizer`]), and guards for who writes Rust ([`ReadGuard`], [`WriteGuard`]).
//!
//! ```
//! use tripoint_sync::{MemorySynchronizer, Technology, GPU_READING, IDLE};
//!
//! let sync = MemorySynchronizer::new(4);
//! sync.acquire_read(0, Technology::WebGPU)?;
//! sync.acquire_read(0, Technology::WebNN)?; // readers share, and are counted
//! sync.release(0)?;
//! assert_eq!(sync.state(0), GPU_READING); // one release frees one reader
//! sync.release(0)?;
//! assert_eq!(sync.state(0), IDLE);
//! # Ok::<(), String>(())
//! ```

mod ffi;

use std::ffi::CStr;
use std::sync::Mutex;
use std::thread::{self, ThreadId};
use std::time::Duration;

/// Nobody holds the region.
pub const IDLE: u32 = 0;
pub const WASM_WRITING: u32 = 1;
pub const GPU_READING: u32 = 2;
pub const GPU_WRITING: u32 = 3;
pub const NPU_READING: u32 = 4;
pub const NPU_WRITING: u32 = 5;
/// Ours: the sketch did not count Wasm's readers.
pub const WASM_READING: u32 = 6;
pub const HOST_READING: u32 = 7;
pub const HOST_WRITING: u32 = 8;

/// Who touches a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Technology {
    Wasm = 1,
    WebGPU = 2,
    WebNN = 3,
    /// Plain code on the CPU: ours.
    Host = 0,
}

struct Held {
    region: usize,
    claim: u64,
    thread: ThreadId,
}

/// One word for each of `num_regions` regions, in the memory of this process.
pub struct MemorySynchronizer {
    sync: *mut ffi::Sync,
    /// Claims taken without a guard: `release(region)` has to find one of them.
    held: Mutex<Vec<Held>>,
}

// SAFETY: the C synchronizer may be used from any thread (sync.h, "Threads").
unsafe impl Send for MemorySynchronizer {}
unsafe impl Sync for MemorySynchronizer {}

fn text(bytes: &[std::os::raw::c_char]) -> String {
    // SAFETY: the C library ends every text inside its array.
    unsafe { CStr::from_ptr(bytes.as_ptr()) }.to_string_lossy().into_owned()
}

fn check(status: i32, err: &ffi::Error) -> Result<(), String> {
    if status == 0 {
        Ok(())
    } else {
        Err(text(&err.message))
    }
}

impl MemorySynchronizer {
    /// # Panics
    /// When `num_regions` is not 1 to 65536, or memory is out; [`try_new`](Self::try_new) tells instead.
    pub fn new(num_regions: usize) -> Self {
        match Self::try_new(num_regions) {
            Ok(sync) => sync,
            Err(why) => panic!("{why}"),
        }
    }

    pub fn try_new(num_regions: usize) -> Result<Self, String> {
        let mut sync = std::ptr::null_mut();
        let mut err = ffi::Error::empty();
        // A number that does not fit 32 bits becomes one that the library refuses.
        let regions = u32::try_from(num_regions).unwrap_or(u32::MAX);
        // SAFETY: both pointers are valid for the call.
        check(unsafe { ffi::tri_sync_create(regions, &mut sync, &mut err) }, &err)?;
        Ok(MemorySynchronizer { sync, held: Mutex::new(Vec::new()) })
    }

    fn acquire(&self, how: ffi::Acquire, region: usize, who: Technology, limit: Option<Duration>) -> Result<u64, String> {
        let mut err = ffi::Error::empty();
        let mut claim = 0;
        let wait = ffi::Wait {
            timeout_ns: limit.map_or(u64::MAX, |d| u64::try_from(d.as_nanos()).unwrap_or(u64::MAX)),
            cancel: std::ptr::null_mut(),
        };
        let region = u32::try_from(region).unwrap_or(u32::MAX);
        // SAFETY: the synchronizer lives as long as `self`; the other pointers are valid for the call.
        check(unsafe { how(self.sync, region, who as i32, &wait, &mut claim, &mut err) }, &err)?;
        Ok(claim)
    }

    fn keep(&self, region: usize, claim: u64) {
        self.lock().push(Held { region, claim, thread: thread::current().id() });
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Held>> {
        self.held.lock().unwrap_or_else(|broken| broken.into_inner()) // a list of numbers can't be half changed
    }

    /// Waits until the region is idle or being read and no writer waits before us; then reads it.
    pub fn acquire_read(&self, region: usize, tech: Technology) -> Result<(), String> {
        let claim = self.acquire(ffi::tri_sync_acquire_read, region, tech, None)?;
        self.keep(region, claim);
        Ok(())
    }

    /// Waits until the region is idle; then writes it.
    pub fn acquire_write(&self, region: usize, tech: Technology) -> Result<(), String> {
        let claim = self.acquire(ffi::tri_sync_acquire_write, region, tech, None)?;
        self.keep(region, claim);
        Ok(())
    }

    /// Gives back one claim on `region` taken with `acquire_read` or `acquire_write`: this thread's latest, else the
    /// oldest of any thread (a GPU's callback may release what another thread acquired).
    pub fn release(&self, region: usize) -> Result<(), String> {
        let me = thread::current().id();
        let claim = {
            let mut held = self.lock();
            let mine = held.iter().rposition(|h| h.region == region && h.thread == me);
            let at = mine
                .or_else(|| held.iter().position(|h| h.region == region))
                .ok_or_else(|| format!("nobody holds region {region}, so it can't be released"))?;
            held.remove(at).claim
        };
        self.give_back(claim)
    }

    fn give_back(&self, claim: u64) -> Result<(), String> {
        let mut err = ffi::Error::empty();
        // SAFETY: as in `acquire`; a claim is a number and is checked.
        check(unsafe { ffi::tri_sync_release(self.sync, claim, &mut err) }, &err)
    }

    /// One of the constants above; [`IDLE`] for a region out of range.
    pub fn state(&self, region: usize) -> u32 {
        let region = u32::try_from(region).unwrap_or(u32::MAX);
        // SAFETY: the synchronizer lives as long as `self`.
        (unsafe { ffi::tri_sync_state(self.sync, region) }) as u32
    }

    /// A read claim that is released when the guard is dropped. `limit` of `None` waits for ever.
    pub fn read(&self, region: usize, tech: Technology, limit: Option<Duration>) -> Result<ReadGuard<'_>, String> {
        let claim = self.acquire(ffi::tri_sync_acquire_read, region, tech, limit)?;
        Ok(ReadGuard { sync: self, claim })
    }

    /// A write claim that is released when the guard is dropped. `limit` of `None` waits for ever.
    pub fn write(&self, region: usize, tech: Technology, limit: Option<Duration>) -> Result<WriteGuard<'_>, String> {
        let claim = self.acquire(ffi::tri_sync_acquire_write, region, tech, limit)?;
        Ok(WriteGuard { sync: self, claim })
    }
}

impl Drop for MemorySynchronizer {
    fn drop(&mut self) {
        // SAFETY: guards borrow `self`, so none is left.
        unsafe { ffi::tri_sync_destroy(&mut self.sync) }
    }
}

/// A region is being read. Guards may be sent to and dropped in another thread.
#[must_use = "the claim is released when the guard is dropped"]
pub struct ReadGuard<'a> {
    sync: &'a MemorySynchronizer,
    claim: u64,
}

/// A region is being written by nobody else.
#[must_use = "the claim is released when the guard is dropped"]
pub struct WriteGuard<'a> {
    sync: &'a MemorySynchronizer,
    claim: u64,
}

impl<'a> WriteGuard<'a> {
    /// Goes on reading what was written, letting no other writer in between.
    pub fn downgrade(self) -> Result<ReadGuard<'a>, String> {
        let mut err = ffi::Error::empty();
        // SAFETY: as in `acquire`.
        check(unsafe { ffi::tri_sync_downgrade(self.sync.sync, self.claim, &mut err) }, &err)?;
        let read = ReadGuard { sync: self.sync, claim: self.claim };
        std::mem::forget(self); // the claim has moved on
        Ok(read)
    }
}

impl Drop for ReadGuard<'_> {
    fn drop(&mut self) {
        let released = self.sync.give_back(self.claim);
        debug_assert!(released.is_ok(), "{released:?}");
    }
}

impl Drop for WriteGuard<'_> {
    fn drop(&mut self) {
        let released = self.sync.give_back(self.claim);
        debug_assert!(released.is_ok(), "{released:?}");
    }
}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeIsTested;

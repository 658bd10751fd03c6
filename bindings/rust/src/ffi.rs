//! What is used of `tripoint/sync.h` and `tripoint/error.h`, by hand; `tests/headers.rs` holds it against them.

use std::os::raw::{c_char, c_int, c_void};

pub const MESSAGE_BYTES: usize = 480;
pub const NAME_BYTES: usize = 64;

#[repr(C)]
pub struct Error {
    pub status: i32,
    pub engine_code: i32,
    pub message: [c_char; MESSAGE_BYTES],
    pub engine: [c_char; NAME_BYTES],
    pub stage: [c_char; NAME_BYTES],
    pub region: [c_char; NAME_BYTES],
}

impl Error {
    pub fn empty() -> Self {
        Error {
            status: 0,
            engine_code: 0,
            message: [0; MESSAGE_BYTES],
            engine: [0; NAME_BYTES],
            stage: [0; NAME_BYTES],
            region: [0; NAME_BYTES],
        }
    }
}

#[repr(C)]
pub struct Wait {
    pub timeout_ns: u64,
    pub cancel: *mut c_void,
}

#[repr(C)]
pub struct Sync {
    _opaque: [u8; 0],
}

pub type Acquire =
    unsafe extern "C" fn(*mut Sync, u32, c_int, *const Wait, *mut u64, *mut Error) -> i32;

extern "C" {
    pub fn tri_sync_create(regions: u32, out: *mut *mut Sync, err: *mut Error) -> i32;
    pub fn tri_sync_destroy(sync: *mut *mut Sync);
    pub fn tri_sync_acquire_read(
        sync: *mut Sync, region: u32, technology: c_int, wait: *const Wait, out: *mut u64, err: *mut Error,
    ) -> i32;
    pub fn tri_sync_acquire_write(
        sync: *mut Sync, region: u32, technology: c_int, wait: *const Wait, out: *mut u64, err: *mut Error,
    ) -> i32;
    pub fn tri_sync_release(sync: *mut Sync, claim: u64, err: *mut Error) -> i32;
    pub fn tri_sync_downgrade(sync: *mut Sync, claim: u64, err: *mut Error) -> i32;
    pub fn tri_sync_state(sync: *const Sync, region: u32) -> c_int;
}

//! A guest in Rust: the negative of an image. The structs are those of tripoint_guest.h (ABI 1).
//!
//!   rustc --edition 2021 --target wasm32v1-none -C opt-level=3 -C target-feature=+simd128 -C panic=abort \
//!         --crate-type cdylib -o negative.wasm negative.rs
//!
//! `wasm32v1-none` has no bulk memory, which traps on operands; `wasm32-unknown-unknown` does with
//! `-C target-feature=-bulk-memory`.
#![no_std]

#[repr(C)]
pub struct Operand {
    address: u32,
    access: u32,
    bytes: u64,
    dtype: u32,
    kind: u32,
    rank: u32,
    reserved: u32,
    shape: [u64; 6],
}

#[repr(C, align(8))]
pub struct Call {
    abi: u32,
    call_bytes: u32,
    operand_count: u32,
    param_count: u32,
    operands: [Operand; 8],
    params: [f64; 12],
}

const NONE: Operand =
    Operand { address: 0, access: 0, bytes: 0, dtype: 0, kind: 0, rank: 0, reserved: 0, shape: [0; 6] };

static mut CALL: Call =
    Call { abi: 0, call_bytes: 0, operand_count: 0, param_count: 0, operands: [NONE; 8], params: [0.0; 12] };

/// What the operation takes; the custom section `tripoint`.
const TEXT: &[u8] = b"op negative - the negative of an image;\
    in image image u8 * * 4;out negative image u8;number amount 1 0 1 - how much of it;";

#[cfg(target_arch = "wasm32")]
#[link_section = "tripoint"]
#[used]
static DESCRIPTION: [u8; TEXT.len()] = {
    let mut text = [0; TEXT.len()];
    let mut i = 0;
    while i < text.len() {
        text[i] = TEXT[i];
        i += 1;
    }
    text
};

#[no_mangle]
pub extern "C" fn tripoint_abi() -> u32 {
    1
}

#[no_mangle]
pub extern "C" fn tripoint_call_buffer() -> *mut Call {
    core::ptr::addr_of_mut!(CALL)
}

/// # Safety
/// The host calls it with the buffer above, filled; the operands lie where it says for as long as the call lasts.
#[no_mangle]
pub unsafe extern "C" fn op_negative(call: *const Call) -> u32 {
    let call = &*call;
    let from = core::slice::from_raw_parts(call.operands[0].address as usize as *const u8, call.operands[0].bytes as usize);
    let to = core::slice::from_raw_parts_mut(call.operands[1].address as usize as *mut u8, call.operands[1].bytes as usize);
    let amount = (call.params[0] * 256.0) as i32;
    for (to, from) in to.chunks_exact_mut(4).zip(from.chunks_exact(4)) {
        for c in 0..3 {
            let value = from[c] as i32;
            to[c] = (value + ((255 - 2 * value) * amount >> 8)) as u8;
        }
        to[3] = from[3];
    }
    0
}

#[cfg(target_arch = "wasm32")]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    core::arch::wasm32::unreachable()
}

//! The declarations in `src/ffi.rs` and the constants against the C headers, so that they can't drift apart.

use std::fs;
use std::path::Path;
use tripoint_sync::*;

fn header(name: &str) -> String {
    let include = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../include/tripoint");
    let text = fs::read_to_string(include.join(name)).expect("the C headers lie beside the bindings");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn states_and_technologies_have_the_header_s_numbers() {
    let sync = header("sync.h");
    for (name, value) in [
        ("IDLE", IDLE), ("WASM_WRITING", WASM_WRITING), ("GPU_READING", GPU_READING), ("GPU_WRITING", GPU_WRITING),
        ("NPU_READING", NPU_READING), ("NPU_WRITING", NPU_WRITING), ("WASM_READING", WASM_READING),
        ("HOST_READING", HOST_READING), ("HOST_WRITING", HOST_WRITING),
    ] {
        let line = format!("TRI_SYNC_{name} = {value}");
        assert!(sync.contains(&format!("{line},")) || sync.contains(&format!("{line} }}")), "{line}");
    }
    let common = header("common.h");
    for (name, value) in [
        ("HOST", Technology::Host), ("WASM", Technology::Wasm), ("WEBGPU", Technology::WebGPU),
        ("WEBNN", Technology::WebNN),
    ] {
        assert!(common.contains(&format!("TRI_TECHNOLOGY_{name} = {}", value as i32)), "{name}");
    }
}

#[test]
fn functions_and_structs_are_declared_as_in_the_header() {
    let sync = header("sync.h");
    for declaration in [
        "tri_status tri_sync_create(uint32_t regions, struct tri_sync **out, struct tri_error *err);",
        "void tri_sync_destroy(struct tri_sync **sync);",
        "tri_status tri_sync_acquire_read(struct tri_sync *sync, uint32_t region, enum tri_technology technology, \
         const struct tri_wait *wait, tri_claim *out, struct tri_error *err);",
        "tri_status tri_sync_acquire_write(struct tri_sync *sync, uint32_t region, enum tri_technology technology, \
         const struct tri_wait *wait, tri_claim *out, struct tri_error *err);",
        "tri_status tri_sync_release(struct tri_sync *sync, tri_claim claim, struct tri_error *err);",
        "tri_status tri_sync_downgrade(struct tri_sync *sync, tri_claim claim, struct tri_error *err);",
        "enum tri_sync_state tri_sync_state(const struct tri_sync *sync, uint32_t region);",
        "typedef uint64_t tri_claim;",
    ] {
        assert!(sync.contains(declaration), "sync.h no longer says: {declaration}");
    }
    let error = header("error.h");
    for declaration in [
        "#define TRI_ERROR_MESSAGE_BYTES 480", "#define TRI_ERROR_NAME_BYTES 64", "typedef int32_t tri_status;",
    ] {
        assert!(error.contains(declaration), "error.h no longer says: {declaration}");
    }
    let members = |text: &str, name: &str| -> Vec<String> {
        let body = text.split(&format!("struct {name} {{")).nth(1).expect(name).split('}').next().unwrap();
        let bare = body.split("/**<").enumerate().map(|(i, part)| if i == 0 { part } else { part.split("*/").nth(1).unwrap() });
        bare.collect::<String>().split(';').map(|m| m.trim().to_owned()).filter(|m| !m.is_empty()).collect()
    };
    assert_eq!(
        members(&error, "tri_error"),
        ["tri_status status", "int32_t engine_code", "char message[TRI_ERROR_MESSAGE_BYTES]",
         "char engine[TRI_ERROR_NAME_BYTES]", "char stage[TRI_ERROR_NAME_BYTES]", "char region[TRI_ERROR_NAME_BYTES]"]
    );
    assert_eq!(members(&sync, "tri_wait"), ["uint64_t timeout_ns", "struct tri_cancel *cancel"]);
}

/// A new state or technology in the headers is one that the crate does not name.
#[test]
fn no_state_or_technology_is_left_out() {
    let sync = header("sync.h");
    let states = sync.split("enum tri_sync_state {").nth(1).unwrap().split('}').next().unwrap();
    assert_eq!(states.matches("TRI_SYNC_").count(), 9, "{states}");
    let common = header("common.h");
    let technologies = common.split("enum tri_technology {").nth(1).unwrap().split('}').next().unwrap();
    assert_eq!(technologies.matches("TRI_TECHNOLOGY_").count(), 4, "{technologies}");
}

// crop and pad: pixels as they are. `words`: a pixel is whole words, each invocation moves one of a row. `bytes`: any
// other pixel; the output is a row of words of which an invocation gathers one.

struct Job {
    origin: vec2u,
    extent: vec2u,
    base: u32,
    pitch: u32,
    source: vec2u,   // width, height of the input in pixels
    corner: vec2i,   // output (x, y) is input (x, y) + corner
    size: vec2u,     // of the output
    unit: u32,       // words, or bytes, of a pixel
    edge: u32,       // outside: 1 the nearest pixel, 0 `fill`
    fill: vec4u,     // one pixel
}

@group(0) @binding(0) var<uniform> job: Job;
@group(0) @binding(1) var<storage, read_write> moved: array<u32>;
@group(0) @binding(2) var<storage, read> image0: array<u32>;
@group(0) @binding(3) var<storage, read> image1: array<u32>;
@group(0) @binding(4) var<storage, read> image2: array<u32>;
@group(0) @binding(5) var<storage, read> image3: array<u32>;

//include word.wgsl

// The input pixel of an output pixel: its number, or ~0 where it is `fill`.
fn source_of(x: u32, y: u32) -> u32 {
    let at = vec2i(vec2u(x, y)) + job.corner;
    let held = clamp(at, vec2i(0), vec2i(job.source) - 1);
    if (job.edge == 0u && any(at != held)) {
        return 0xffffffffu;
    }
    return u32(held.y) * job.source.x + u32(held.x);
}

@compute @workgroup_size(256)
fn words(@builtin(global_invocation_id) id: vec3u) {
    if (id.x >= job.extent.x || id.y >= job.extent.y) {
        return;
    }
    let column = job.origin.x + id.x;
    let part = column % job.unit;
    let pixel = source_of(column / job.unit, job.origin.y + id.y);
    var value = job.fill[part];
    if (pixel != 0xffffffffu) {
        value = word(pixel * job.unit + part);
    }
    moved[job.base + id.y * job.pitch + id.x] = value;
}

fn byte_at(i: u32) -> u32 {
    let row = job.size.x * job.unit;
    let column = i % row;
    let part = column % job.unit;
    let pixel = source_of(column / job.unit, i / row);
    if (pixel == 0xffffffffu) {
        return (job.fill[part / 4u] >> (part % 4u * 8u)) & 255u;
    }
    let at = pixel * job.unit + part;
    return (word(at / 4u) >> (at % 4u * 8u)) & 255u;
}

@compute @workgroup_size(256)
fn bytes(@builtin(global_invocation_id) id: vec3u) {
    if (id.x >= job.extent.x || id.y >= job.extent.y) {
        return;
    }
    let first = (job.origin.x + id.x) * 4u;
    let count = min(job.size.x * job.size.y * job.unit - first, 4u);
    let at = job.base + id.x;
    var value = 0u;
    if (count < 4u) {
        value = moved[at] & (0xffffffffu << (count * 8u)); // what follows the last pixel stays
    }
    for (var k = 0u; k < count; k++) {
        value |= byte_at(first + k) << (k * 8u);
    }
    moved[at] = value;
}

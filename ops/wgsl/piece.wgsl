// cover and face_tiles: the arithmetic of ops/host/pieces.c. A window of the image, at another scale.

struct Job {
    origin: vec2u,
    extent: vec2u,
    base: u32,
    pitch: u32,
    source: vec2u,  // width, height of the image
    window: vec4f,  // of cover: x, y, scale, 1 / (scale * scale)
}

@group(0) @binding(0) var<uniform> job: Job;
@group(0) @binding(1) var<storage, read_write> piece: array<u32>;
@group(0) @binding(2) var<storage, read> image0: array<u32>;
@group(0) @binding(3) var<storage, read> image1: array<u32>;
@group(0) @binding(4) var<storage, read> image2: array<u32>;
@group(0) @binding(5) var<storage, read> image3: array<u32>;
@group(0) @binding(6) var<storage, read> windows: array<vec4f>; // of face_tiles, one a tile

//include pixels.wgsl
//include places.wgsl

//include word.wgsl

fn pixel(x: u32, y: u32) -> vec4f {
    return unpacked(word(y * job.source.x + x));
}

fn mean(edge: vec2f, far: vec2f, share: f32) -> vec4f {
    let size = vec2f(job.source);
    let first = max(edge, vec2f(0.0));
    let last = min(far, size);
    var sum = vec4f(0.0);
    if (!all(first < last)) {
        return sum;
    }
    let begin = cut_place(first);
    let end = cut_place(ceil(last));
    for (var y = begin.y; y < end.y; y++) {
        let high = min(f32(y) + 1.0, last.y) - max(f32(y), first.y);
        for (var x = begin.x; x < end.x; x++) {
            let wide = min(f32(x) + 1.0, last.x) - max(f32(x), first.x);
            sum += pixel(x, y) * (high * wide);
        }
    }
    return sum * share;
}

fn between(place: vec2f) -> vec4f {
    let last = job.source - 1u;
    if (any(place < vec2f(0.0)) || any(place >= vec2f(job.source))) {
        return vec4f(0.0);
    }
    let at = clamp(place - 0.5, vec2f(0.0), vec2f(last));
    let lower = cut_place(at);
    let upper = min(lower + 1u, last);
    let part = at - floor(at);
    let top = lerp(pixel(lower.x, lower.y), pixel(upper.x, lower.y), part.x);
    let bottom = lerp(pixel(lower.x, upper.y), pixel(upper.x, upper.y), part.x);
    return lerp(top, bottom, part.y);
}

fn sampled(window: vec4f, at: vec2f) -> u32 {
    var v: vec4f;
    if (window.z > 1.0) {
        let edge = window.xy + at * window.z;
        v = mean(edge, edge + window.z, window.w);
    } else {
        v = between(window.xy + (at + 0.5) * window.z);
    }
    return packed(rounded(min(v, vec4f(255.0))));
}

@compute @workgroup_size(256)
fn cover(@builtin(global_invocation_id) id: vec3u) {
    if (id.x >= job.extent.x || id.y >= job.extent.y) {
        return;
    }
    piece[job.base + id.y * job.pitch + id.x] = sampled(job.window, vec2f(job.origin + id.xy));
}

@compute @workgroup_size(256)
fn tiles(@builtin(global_invocation_id) id: vec3u) {
    if (id.x >= job.extent.x || id.y >= job.extent.y) {
        return;
    }
    let at = job.origin + id.xy;
    piece[job.base + id.y * job.pitch + id.x] = sampled(windows[at.y >> 7u], vec2f(vec2u(at.x, at.y & 127u)));
}

// steady: the arithmetic of ops/host/steady.c. `state` is 0 where nothing was seen yet, else 1 + what was given last.

struct Job {
    origin: vec2u,
    extent: vec2u,
    base: u32,
    pitch: u32,
    rate: f32,   // where nothing moves
    motion: f32, // 1 / the change that is taken over at once
}

@group(0) @binding(0) var<uniform> job: Job;
@group(0) @binding(1) var<storage, read_write> steadied: array<f32>;
@group(0) @binding(2) var<storage, read_write> state: array<f32>;
@group(0) @binding(3) var<storage, read> mask: array<f32>;

//include bounded.wgsl

//if in_place
fn mask_at(i: u32) -> f32 {
    return steadied[i];
}
//else
fn mask_at(i: u32) -> f32 {
    return mask[i];
}
//end

@compute @workgroup_size(256)
fn steady(@builtin(global_invocation_id) id: vec3u) {
    if (id.x >= job.extent.x || id.y >= job.extent.y) {
        return;
    }
    let i = job.base + id.y * job.pitch + id.x;
    let m = bounded(mask_at(i));
    let seen = state[i];
    let before = seen - 1.0;
    let difference = m - before;
    let rate = job.rate + (1.0 - job.rate) * min(abs(difference) * job.motion, 1.0);
    let value = select(m, before + difference * rate, seen > 0.0);
    steadied[i] = value;
    state[i] = value + 1.0;
}

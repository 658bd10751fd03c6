// threshold; in place where `mask` is not there.

struct Job {
    origin: vec2u,
    extent: vec2u,
    base: u32,
    pitch: u32,
    level: f32,
    gain: f32,   // 0: a hard edge
}

@group(0) @binding(0) var<uniform> job: Job;
@group(0) @binding(1) var<storage, read_write> decided: array<f32>;
@group(0) @binding(2) var<storage, read> mask: array<f32>;

//include tile.wgsl

//if in_place
fn cell(i: u32) -> f32 {
    return decided[i];
}
//else
fn cell(i: u32) -> f32 {
    return mask[i];
}
//end

@compute @workgroup_size(256)
fn threshold(@builtin(global_invocation_id) id: vec3u) {
    if (beyond(id)) {
        return;
    }
    let i = place(id);
    let m = cell(i);
    let ramp = (m - job.level) * job.gain + 0.5;
    let floored = select(0.0, ramp, ramp > 0.0); // what is not a number is 0
    let soft = select(1.0, floored, floored < 1.0);
    let hard = select(0.0, 1.0, m >= job.level);
    decided[i] = select(soft, hard, job.gain == 0.0);
}

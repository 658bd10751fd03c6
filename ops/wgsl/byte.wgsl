// One byte of a region, as the GPU sees it. `bytes` is a window of the region; the byte stands at bits `shift` of word
// `index`.

struct Job {
    index: u32,
    shift: u32,
    value: u32,
}

@group(0) @binding(0) var<uniform> job: Job;
@group(0) @binding(1) var<storage, read> bytes: array<u32>;
@group(0) @binding(1) var<storage, read_write> writable: array<u32>;
@group(0) @binding(2) var<storage, read_write> seen: u32;

@compute @workgroup_size(1)
fn peek() {
    seen = (bytes[job.index] >> job.shift) & 255u;
}

@compute @workgroup_size(1)
fn poke() {
    writable[job.index] = (writable[job.index] & ~(255u << job.shift)) | (job.value << job.shift);
}

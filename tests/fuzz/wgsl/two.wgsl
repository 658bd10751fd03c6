@group(0) @binding(1) var<storage, read_write> b: array<f32>;
@group(0) @binding(0) var<storage, read> a: array<f32>;
@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) at: vec3u) { b[at.x] = a[at.x]; }
@compute @workgroup_size(8, 8) fn other(@builtin(global_invocation_id) at: vec3u) { b[at.x] = 0.0; }

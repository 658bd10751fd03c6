// What shaders share (//include pixels.wgsl): pixels of four u8 in a word, and numbers on their way there.

// u32(v) saturates, which the CPU driver does one lane at a time. Below 2^23 the low bits of this sum are v, cut.
fn raised(v: vec4f) -> vec4u {
    return bitcast<vec4u>(floor(v) + 8388608.0);
}

// R, G, B, A as 0 ... 255.
fn unpacked(word: u32) -> vec4f {
    return vec4f((vec4u(word) >> vec4u(0u, 8u, 16u, 24u)) & vec4u(255u));
}

// v is 0 ... 255 and a fraction, which is cut.
fn packed(v: vec4f) -> u32 {
    let u = raised(v) & vec4u(255u);
    return u.x | (u.y << 8u) | (u.z << 16u) | (u.w << 24u);
}

// v + 0.5, cut, for v >= 0: to the bit what the host computes. Written out, a compiler may add the 0.5 to another summand
// first (the CPU driver's does); 0.49999997 + 0.5 is 1 in f32.
fn rounded(v: vec4f) -> vec4f {
    let low = floor(v);
    return select(low, low + 1.0, v - low >= vec4f(0.49999997));
}

fn lerp(a: vec4f, b: vec4f, t: f32) -> vec4f {
    return a + (b - a) * t;
}

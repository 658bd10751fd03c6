// convert: the arithmetic of ops/host/convert.c and half.h. The output is one row of words, an invocation each. Without a
// section, numbers are u8 and pixels have four channels.

struct Job {
    origin: vec2u,
    extent: vec2u,
    base: u32,
    pitch: u32,
    elements: u32,   // numbers of the output
    share: f32,      // 1 / 255. Not a constant, nor are the weights: a compiler may join constants that follow each other
    luma: vec4f,     // at 32: weights of R, G and B
}

@group(0) @binding(0) var<uniform> job: Job;
@group(0) @binding(1) var<storage, read_write> converted: array<u32>;
@group(0) @binding(2) var<storage, read> image0: array<u32>;
@group(0) @binding(3) var<storage, read> image1: array<u32>;
@group(0) @binding(4) var<storage, read> image2: array<u32>;
@group(0) @binding(5) var<storage, read> image3: array<u32>;

//include tile.wgsl

//include word.wgsl

// By bits, because WGSL leaves rounding and subnormal halves open.
fn float_of(half: u32) -> f32 {
    let sign = (half & 0x8000u) << 16u;
    let exponent = (half >> 10u) & 31u;
    let fraction = half & 0x3ffu;
    if (exponent == 31u) {
        return bitcast<f32>(select(sign | 0x7f800000u, 0x7fc00000u, fraction != 0u));
    }
    if (exponent != 0u) {
        return bitcast<f32>(sign | ((exponent + 112u) << 23u) | (fraction << 13u));
    }
    let small = f32(fraction) * 5.9604644775390625e-8;
    return select(small, -small, sign != 0u);
}

fn half_of(number: f32) -> u32 {
    let bits = bitcast<u32>(number);
    let sign = (bits >> 16u) & 0x8000u;
    let size = bits & 0x7fffffffu;
    if (size > 0x7f800000u) {
        return 0x7e00u;
    }
    if (size >= 0x477ff000u) {
        return sign | 0x7c00u;
    }
    if (size >= 0x38800000u) {
        return sign | ((size - 0x38000000u + 0xfffu + ((size >> 13u) & 1u)) >> 13u);
    }
    if (size < 0x33000000u) {
        return sign;
    }
    let fraction = (size & 0x7fffffu) | 0x800000u;
    let shift = 126u - (size >> 23u);
    let cut = fraction >> shift;
    let rest = fraction & ((1u << shift) - 1u);
    let half = 1u << (shift - 1u);
    return sign | (cut + select(0u, 1u, rest > half || (rest == half && (cut & 1u) == 1u)));
}

// Number i of the image.
//if in_f16
fn number(i: u32) -> f32 {
    return float_of((word(i / 2u) >> (i % 2u * 16u)) & 0xffffu);
}
//elif in_f32
fn number(i: u32) -> f32 {
    return bitcast<f32>(word(i));
}
//else
fn number(i: u32) -> f32 {
    return f32((word(i / 4u) >> (i % 4u * 8u)) & 255u) * job.share;
}
//end

//if in_1
fn grey(p: u32) -> f32 {
    return number(p);
}
fn channel(p: u32, c: u32) -> f32 {
    if (c == 3u) {
        return 1.0;
    }
    return number(p);
}
//elif in_3
fn grey(p: u32) -> f32 {
    return (number(3u * p) * job.luma.x + number(3u * p + 1u) * job.luma.y) + number(3u * p + 2u) * job.luma.z;
}
fn channel(p: u32, c: u32) -> f32 {
    if (c == 3u) {
        return 1.0;
    }
    return number(3u * p + c);
}
//else
fn grey(p: u32) -> f32 {
    return (number(4u * p) * job.luma.x + number(4u * p + 1u) * job.luma.y) + number(4u * p + 2u) * job.luma.z;
}
fn channel(p: u32, c: u32) -> f32 {
    return number(4u * p + c);
}
//end

// Number i of the output.
//if out_1
fn result(i: u32) -> f32 {
    return grey(i);
}
//elif out_3
fn result(i: u32) -> f32 {
    return channel(i / 3u, i % 3u);
}
//else
fn result(i: u32) -> f32 {
    return channel(i / 4u, i % 4u);
}
//end

//if out_f16
const in_a_word = 2u;
fn bits_of(v: f32) -> u32 {
    return half_of(v);
}
//elif out_f32
const in_a_word = 1u;
fn bits_of(v: f32) -> u32 {
    return bitcast<u32>(v);
}
//else
const in_a_word = 4u;
fn bits_of(v: f32) -> u32 {
    let scaled = v * 255.0 + 0.5;
    let floored = select(0.0, scaled, scaled > 0.0); // what is not a number is 0
    return u32(select(255.0, floored, floored < 255.0));
}
//end

@compute @workgroup_size(256)
fn convert(@builtin(global_invocation_id) id: vec3u) {
    if (beyond(id)) {
        return;
    }
    let first = (job.origin.x + id.x) * in_a_word;
    let count = min(job.elements - first, in_a_word);
    let width = 32u / in_a_word;
    let at = place(id);
    var value = 0u;
    if (count < in_a_word) {
        value = converted[at] & (0xffffffffu << (count * width)); // what follows the image stays
    }
    for (var k = 0u; k < count; k++) {
        value |= bits_of(result(first + k)) << (k * width);
    }
    converted[at] = value;
}

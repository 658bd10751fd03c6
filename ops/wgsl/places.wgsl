// Where an image is sampled (//include places.wgsl): v >= 0, cut to whole numbers. vec2u(v) saturates, which the CPU driver
// does one lane at a time; where no dimension reaches 2^23 the low bits of a sum are the number.
//if huge
fn cut_place(v: vec2f) -> vec2u {
    return vec2u(v);
}
//else
fn cut_place(v: vec2f) -> vec2u {
    return bitcast<vec2u>(floor(v) + 8388608.0) & vec2u(0x7fffffu);
}
//end

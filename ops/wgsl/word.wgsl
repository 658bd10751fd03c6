// Word i of what is read in windows (//include word.wgsl): image0 ... image3 are there.
//if split
fn word(i: u32) -> u32 {
    let k = i & 0x1ffffffu;
    switch (i >> 25u) {
        case 0u: { return image0[k]; }
        case 1u: { return image1[k]; }
        case 2u: { return image2[k]; }
        default: { return image3[k]; }
    }
}
//else
fn word(i: u32) -> u32 {
    return image0[i];
}
//end

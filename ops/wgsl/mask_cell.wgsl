// Value i of a mask (//include mask_cell.wgsl): mask0 ... mask3 are there.
//if split
fn mask_cell(i: u32) -> f32 {
    let k = i & 0x1ffffffu;
    switch (i >> 25u) {
        case 0u: { return mask0[k]; }
        case 1u: { return mask1[k]; }
        case 2u: { return mask2[k]; }
        default: { return mask3[k]; }
    }
}
//else
fn mask_cell(i: u32) -> f32 {
    return mask0[i];
}
//end

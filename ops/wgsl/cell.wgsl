// Four numbers, vector i of what is read in windows (//include cell.wgsl): cells0 ... cells3 are there.
//if split
fn cell(i: u32) -> vec4f {
    let k = i & 0x7fffffu;
    switch (i >> 23u) {
        case 0u: { return cells0[k]; }
        case 1u: { return cells1[k]; }
        case 2u: { return cells2[k]; }
        default: { return cells3[k]; }
    }
}
//else
fn cell(i: u32) -> vec4f {
    return cells0[i];
}
//end

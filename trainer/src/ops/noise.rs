/// 64 bits that follow from a seed and a place alone: what `noise` in `kernels/common.cuh` computes.
pub(super) fn noise(seed: u64, place: u64) -> u64 {
    let mut x = place.wrapping_add(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    for factor in [0xff51_afd7_ed55_8ccd_u64, 0xc4ce_b9fe_1a85_ec53] {
        x = (x ^ (x >> 33)).wrapping_mul(factor);
    }
    x ^ (x >> 33)
}

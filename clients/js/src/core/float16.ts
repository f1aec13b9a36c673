/** Numbers of 16 bits. JavaScript has had an array for them only since 2025. */
const ONE = new Float32Array(1);
const BITS = new Uint32Array(ONE.buffer);

/** The bits of the nearest float16; ties go to the even one. */
export function toHalf(value: number): number {
  ONE[0] = value;
  const bits = BITS[0] ?? 0;
  const sign = (bits >>> 16) & 0x8000;
  const rest = bits & 0x7fffffff;
  if (rest > 0x7f800000) return sign | 0x7e00;
  if (rest >= 0x47800000) return sign | 0x7c00;
  if (rest < 0x33000000) return sign;
  if (rest < 0x38800000) {
    const shift = 126 - (rest >>> 23);
    return sign | rounded((rest & 0x7fffff) | 0x800000, shift);
  }
  return sign | (rounded(rest, 13) - (112 << 10));
}

function rounded(value: number, shift: number): number {
  const kept = value >>> shift;
  const lost = value & ((1 << shift) - 1);
  const half = 1 << (shift - 1);
  return lost > half || (lost === half && (kept & 1) === 1) ? kept + 1 : kept;
}

/** The number that the bits of a float16 stand for. */
export function fromHalf(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >>> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (fraction + 1024) * 2 ** (exponent - 25);
}

export function toHalves(values: ArrayLike<number>): Uint16Array {
  return Uint16Array.from(values, toHalf);
}

export function fromHalves(halves: Uint16Array): Float32Array {
  return Float32Array.from(halves, fromHalf);
}

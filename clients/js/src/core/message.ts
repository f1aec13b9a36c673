/** A message between the client and its protocols, which put it into JSON or protobuf. */
import type { Tensor } from "../tensor.js";

/** Nested lists of equal length at each depth. */
export type Nested = number | string | boolean | readonly Nested[];

/** Maps from names to values of one type each: the field `gmap`. */
export interface MapData {
  strings?: Record<string, string>;
  bytes?: Record<string, Uint8Array>;
  int32?: Record<string, number>;
  int64?: Record<string, bigint>;
  float32?: Record<string, number>;
  float64?: Record<string, number>;
}

export type Content =
  | { readonly kind: "none" }
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  | { readonly kind: "tensors"; readonly tensors: readonly Tensor[] }
  | { readonly kind: "ndarray"; readonly ndarray: Nested }
  | { readonly kind: "map"; readonly map: MapData };

export interface Message {
  readonly model: string;
  readonly content: Content;
}

/** The fields of `gmap` in the proto file, by the names that they have here. */
export const MAP_FIELDS = {
  strings: "s_s",
  bytes: "s_b",
  int32: "s_i32",
  int64: "s_i64",
  float32: "s_f",
  float64: "s_d",
} as const;

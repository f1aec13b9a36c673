export { Client } from "./client.js";
export { fromHalves, toHalves } from "./core/float16.js";
export type { Content, MapData, Nested } from "./core/message.js";
export {
  CancelledError,
  ConnectionFailedError,
  DeadlineExceededError,
  type ErrorDetails,
  GrpsError,
  InvalidRequestError,
  ModelError,
  NotFoundError,
  PermissionDeniedError,
  TooLargeError,
  TooManyRequestsError,
  UnauthenticatedError,
  UnavailableError,
} from "./errors.js";
export type { Inputs } from "./inputs.js";
export type {
  CallOptions,
  ClientOptions,
  Fetch,
  FetchRequest,
  FetchResponse,
  RetryOptions,
} from "./options.js";
export { Result } from "./result.js";
export type { ResultStream } from "./stream.js";
export { type ArrayOf, type DataType, type HalfArray, Tensor, type TensorData } from "./tensor.js";

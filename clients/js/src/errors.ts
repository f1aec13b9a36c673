/** What went wrong with a call. All errors of this package are of the class GrpsError. */

export interface ErrorDetails {
  /** The HTTP status that stands for the cause, over gRPC-Web too; 0 if the service did not answer. */
  code?: number;
  /** Seconds after which the service takes the call again. */
  retryAfter?: number | undefined;
  /** The id under which the log of the service has the call. */
  requestId?: string | undefined;
  /** Whether the model may have run; if not, the call is safe to repeat. */
  mayHaveRun?: boolean;
  cause?: unknown;
}

/** The base of all errors. */
export class GrpsError extends Error {
  override readonly name: string = "GrpsError";
  readonly code: number;
  readonly retryAfter: number | undefined;
  readonly requestId: string | undefined;
  readonly mayHaveRun: boolean;

  constructor(message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = details.code ?? 0;
    this.retryAfter = details.retryAfter;
    this.requestId = details.requestId;
    this.mayHaveRun = details.mayHaveRun ?? true;
  }
}

/** 400, and every other status from 400 to 499 without a class of its own. */
export class InvalidRequestError extends GrpsError {
  override readonly name = "InvalidRequestError";
}

/** 401: the service needs a key, and got none or an unknown one. */
export class UnauthenticatedError extends GrpsError {
  override readonly name = "UnauthenticatedError";
}

/** 403: the key does not allow this call. */
export class PermissionDeniedError extends GrpsError {
  override readonly name = "PermissionDeniedError";
}

/** 404: there is no such model. */
export class NotFoundError extends GrpsError {
  override readonly name = "NotFoundError";
}

/** 413, or a response that is larger than this client accepts. */
export class TooLargeError extends GrpsError {
  override readonly name = "TooLargeError";
}

/** 429: a queue is full, or the key has reached its rate. */
export class TooManyRequestsError extends GrpsError {
  override readonly name = "TooManyRequestsError";
}

/** 503: the service or the model is not ready, or ends. */
export class UnavailableError extends GrpsError {
  override readonly name = "UnavailableError";
}

/** 504: the timeout of the call has passed, here or in the service. */
export class DeadlineExceededError extends GrpsError {
  override readonly name = "DeadlineExceededError";
}

/** 499: the caller has cancelled the call, or closed the client. */
export class CancelledError extends GrpsError {
  override readonly name = "CancelledError";
}

/** 500: the model or the service failed. */
export class ModelError extends GrpsError {
  override readonly name = "ModelError";
}

/** No connection, or one that broke; `cause` has what `fetch` threw. */
export class ConnectionFailedError extends GrpsError {
  override readonly name = "ConnectionFailedError";
}

const CLASSES: Readonly<Record<number, typeof GrpsError>> = {
  401: UnauthenticatedError,
  403: PermissionDeniedError,
  404: NotFoundError,
  408: DeadlineExceededError,
  413: TooLargeError,
  429: TooManyRequestsError,
  499: CancelledError,
  503: UnavailableError,
  504: DeadlineExceededError,
};
/** Statuses of calls that were refused before a model ran. */
const REFUSED: readonly number[] = [401, 403, 404, 413, 429, 503];

/** The error for an HTTP status, or for the same number in the status of a message. */
export function errorOf(code: number, message: string, details: ErrorDetails = {}): GrpsError {
  const other = code >= 500 ? ModelError : InvalidRequestError;
  const kind = CLASSES[code] ?? other;
  return new kind(message, { ...details, code, mayHaveRun: !REFUSED.includes(code) });
}

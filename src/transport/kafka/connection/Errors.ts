/**
 * Errors: from what Kafka and kafkajs say to TransportError's codes. Pure. A code is mapped by what the caller can do
 * about it; the broker's own name stays in the detail. Texts never hold a password: none of the sources does.
 */
import kafkaErrors from "kafkajs/src/protocol/error.js"
import {
  type FetchErrorCode,
  type Held,
  retriableCodes,
  TransportError,
  type TransportErrorCode
} from "../../Transport.ts"

const codes: Readonly<Record<string, TransportErrorCode>> = {
  REBALANCE_IN_PROGRESS: "REBALANCE_IN_PROGRESS",
  UNKNOWN_MEMBER_ID: "UNKNOWN_MEMBER_ID",
  ILLEGAL_GENERATION: "ILLEGAL_GENERATION",
  FENCED_INSTANCE_ID: "FENCED_INSTANCE_ID",
  INCONSISTENT_GROUP_PROTOCOL: "INCONSISTENT_GROUP_PROTOCOL",
  NOT_COORDINATOR_FOR_GROUP: "NOT_COORDINATOR",
  GROUP_COORDINATOR_NOT_AVAILABLE: "COORDINATOR_NOT_AVAILABLE",
  GROUP_LOAD_IN_PROGRESS: "COORDINATOR_LOAD_IN_PROGRESS",
  UNKNOWN_TOPIC_OR_PARTITION: "UNKNOWN_TOPIC_OR_PARTITION",
  LEADER_NOT_AVAILABLE: "NOT_LEADER",
  NOT_LEADER_FOR_PARTITION: "NOT_LEADER",
  REPLICA_NOT_AVAILABLE: "NOT_LEADER",
  FENCED_LEADER_EPOCH: "NOT_LEADER",
  UNKNOWN_LEADER_EPOCH: "NOT_LEADER",
  KAFKA_STORAGE_ERROR: "NOT_LEADER",
  MESSAGE_TOO_LARGE: "MESSAGE_TOO_LARGE",
  RECORD_LIST_TOO_LARGE: "MESSAGE_TOO_LARGE",
  NOT_ENOUGH_REPLICAS: "NOT_ENOUGH_REPLICAS",
  NOT_ENOUGH_REPLICAS_AFTER_APPEND: "NOT_ENOUGH_REPLICAS",
  SASL_AUTHENTICATION_FAILED: "AUTHENTICATION",
  UNSUPPORTED_SASL_MECHANISM: "AUTHENTICATION",
  // Of this connection, not of the credentials: the next one logs in anew.
  ILLEGAL_SASL_STATE: "CONNECTION",
  TOPIC_AUTHORIZATION_FAILED: "AUTHORIZATION",
  GROUP_AUTHORIZATION_FAILED: "AUTHORIZATION",
  CLUSTER_AUTHORIZATION_FAILED: "AUTHORIZATION",
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED: "AUTHORIZATION",
  REQUEST_TIMED_OUT: "TIMEOUT",
  NETWORK_EXCEPTION: "CONNECTION"
}

export const failed = (
  op: string,
  code: TransportErrorCode,
  detail: string,
  again = retriableCodes.has(code),
  holds?: Held
) => new TransportError({ op, code, retriable: again, detail, ...(holds === undefined ? {} : { holds }) })

/** The error for a code that a broker answered, `OTHER` retriable where Kafka says so; `at` says which broker, and which partition where there is one. */
export const refused = (op: string, errorCode: number, at: string, holds?: Held): TransportError => {
  const error = kafkaErrors.createErrorFromCode(errorCode)
  const code = codes[error.type] ?? "OTHER"
  const again = retriableCodes.has(code) || error.retriable
  return failed(op, code, `${at} answered ${error.type}: ${error.message}`, again, holds)
}

/** The broker's own name of it. */
export const errorName = (errorCode: number): string => kafkaErrors.createErrorFromCode(errorCode).type

export const fetchError = (errorCode: number): FetchErrorCode => {
  const name = errorName(errorCode)
  if (name === "OFFSET_OUT_OF_RANGE") return name
  const code = codes[name]
  switch (code) {
    case "NOT_LEADER":
    case "UNKNOWN_TOPIC_OR_PARTITION":
    case "AUTHORIZATION":
      return code
    default:
      return "OTHER"
  }
}

/** The connection a request was on is gone; its outcome is unknown. */
export class LinkClosed extends Error {
  override readonly name = "LinkClosed"
}

/** What OpenSSL and Node say when one side does not accept the other's certificate. */
const certificate =
  /CERT_|_CERT|SELF_SIGNED|UNABLE_TO_(GET|VERIFY)|ALTNAME_INVALID|HOSTNAME_MISMATCH|ALERT_(UNKNOWN_CA|BAD_CERT|CERTIFICATE|HANDSHAKE_FAILURE|ACCESS_DENIED)/
const notTls = /WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST|UNEXPECTED_MESSAGE/

interface Thrown {
  readonly name?: unknown
  readonly message?: unknown
  readonly type?: unknown
  readonly code?: unknown
  readonly retriable?: unknown
}

/** Any failure of a request at a broker. `phase`: whether the connection was still being set up. */
export const toTransportError = (
  op: string,
  at: string,
  cause: unknown,
  phase: "setup" | "request"
): TransportError => {
  if (cause instanceof TransportError) return cause
  const error = (typeof cause === "object" && cause !== null ? cause : {}) as Thrown
  const message = typeof error.message === "string" ? error.message : String(cause)
  const code = typeof error.code === "string" ? error.code : ""
  const detail = `${at}: ${message}`
  if (typeof error.type === "string") {
    const mapped = codes[error.type] ?? "OTHER"
    return failed(
      op,
      mapped,
      `${at} answered ${error.type}: ${message}`,
      retriableCodes.has(mapped) || error.retriable === true
    )
  }
  switch (error.name) {
    case "KafkaJSSASLAuthenticationError":
      return failed(op, "AUTHENTICATION", `${detail}; check the user name, the password and the mechanism`)
    case "KafkaJSRequestTimeoutError":
      return failed(op, "TIMEOUT", detail)
    case "KafkaJSConnectionError":
    case "KafkaJSConnectionClosedError":
    case "LinkClosed":
      if (notTls.test(code)) return failed(op, "CONNECTION", `${detail}; the port does not speak TLS`)
      if (certificate.test(code))
        return failed(op, "AUTHENTICATION", `${detail} (${code}); the certificates of the two sides do not fit`)
      return failed(
        op,
        "CONNECTION",
        phase === "setup" && /closed|ECONNRESET/i.test(message)
          ? `${detail}; the broker hung up during the greeting: does this port expect TLS or SASL?`
          : detail
      )
    default:
      return failed(op, "OTHER", detail, false)
  }
}

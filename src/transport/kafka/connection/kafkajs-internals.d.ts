/**
 * The parts of kafkajs 2.2.4 below its public surface that this folder uses: one connection with TLS and SASL, and the
 * encoders and decoders of Kafka's requests. kafkajs is pinned to exactly this version because of them.
 */
declare module "kafkajs/src/network/connection.js" {
  import type { Socket } from "node:net"
  import type RequestQueue from "kafkajs/src/network/requestQueue/index.js"
  export interface ProtocolRequest {
    readonly request: {
      readonly apiKey: number
      readonly apiVersion: number
      readonly apiName: string
      readonly encode: () => Promise<unknown>
      readonly expectResponse?: () => boolean
    }
    readonly response: {
      readonly decode: (payload: Buffer) => Promise<unknown>
      readonly parse: (decoded: unknown) => unknown
    }
    readonly requestTimeout?: number | null
    readonly logResponseError?: boolean
  }
  export interface Logger {
    readonly info: (message: string, extra?: object) => void
    readonly error: (message: string, extra?: object) => void
    readonly warn: (message: string, extra?: object) => void
    readonly debug: (message: string, extra?: object) => void
    readonly namespace: (name: string) => Logger
  }
  export interface SocketFactoryArguments {
    readonly host: string
    readonly port: number
    readonly ssl?: object | null
    readonly onConnect: () => void
  }
  export default class Connection {
    constructor(options: {
      readonly host: string
      readonly port: number
      readonly logger: Logger
      readonly socketFactory: (args: SocketFactoryArguments) => Socket
      readonly clientId: string
      readonly requestTimeout: number
      readonly connectionTimeout: number
      readonly enforceRequestTimeout: boolean
      readonly ssl: object | null
      readonly sasl: { readonly mechanism: string; readonly username: string; readonly password: string } | null
    })
    connectionStatus: string
    /** Set while a login of the old kind, without Kafka's framing, is under way. */
    readonly authHandlers: object | null
    processData(bytes: Buffer): void
    readonly requestQueue: RequestQueue
    connect(): Promise<boolean>
    authenticate(): Promise<void>
    setVersions(versions: object): void
    setSupportAuthenticationProtocol(supported: boolean): void
    send(request: ProtocolRequest): Promise<unknown>
    rejectRequests(error: Error): void
    isConnected(): boolean
    /** Throws. */
    failIfNotConnected(): void
    isAuthenticated(): boolean
    nextCorrelationId(): number
    readonly clientId: string
  }
}

declare module "kafkajs/src/network/requestQueue/index.js" {
  export interface SocketRequest {
    readonly expectResponse: boolean
    /** Ms. */
    readonly requestTimeout: number
    timeoutRequest(): void
  }
  export default class RequestQueue {
    readonly enforceRequestTimeout: boolean
    readonly pending: ReadonlyArray<unknown>
    push(request: {
      readonly entry: {
        readonly apiKey: number
        readonly apiName: string
        readonly apiVersion: number
        readonly correlationId: number
        readonly resolve: (answer: { readonly payload: Buffer }) => void
        readonly reject: (error: Error) => void
      }
      readonly expectResponse: boolean
      readonly requestTimeout: number | null
      readonly sendRequest: () => void
    }): void
    /** Ms. */
    maybeThrottle(clientSideThrottleTime: number | undefined): void
    /** By correlation id: sent, and not answered. */
    readonly inflight: ReadonlyMap<number, SocketRequest>
    sendSocketRequest(request: SocketRequest): void
    scheduleRequestTimeoutCheck(): void
    fulfillRequest(answer: { readonly correlationId: number; readonly size: number; readonly payload: Buffer }): void
    scheduleCheckPendingRequests(): void
    destroy(): void
  }
}

declare module "kafkajs/src/protocol/requests/index.js" {
  import type { ProtocolRequest } from "kafkajs/src/network/connection.js"
  export interface Definition {
    readonly versions: ReadonlyArray<string>
    readonly protocol: (options: { readonly version: number }) => (args: object) => ProtocolRequest
  }
  export type Versions = Record<number, { readonly minVersion: number; readonly maxVersion: number }>
  const exported: {
    readonly requests: Readonly<Record<string, Definition>>
    readonly lookup: (
      versions: Versions
    ) => (apiKey: number, definition: Definition) => (args: object) => ProtocolRequest
  }
  export default exported
}

declare module "kafkajs/src/protocol/requests/apiKeys.js" {
  const apiKeys: Readonly<Record<string, number>>
  export default apiKeys
}

declare module "kafkajs/src/protocol/encoder.js" {
  export default class Encoder {
    writeBoolean(value: boolean): this
    writeArray(values: Array<string>): this
    writeUVarInt(value: number): this
    writeUVarIntString(value: string | null): this
    /** As they are, without their length. */
    writeBuffer(value: Buffer): this
  }
}

declare module "kafkajs/src/protocol/decoder.js" {
  export default class Decoder {
    constructor(bytes: Buffer)
    readBoolean(): boolean
    readInt16(): number
    readInt32(): number
    readString(): string | null
    readArray<A>(read: () => A): Array<A>
    readUVarInt(): number
    readUVarIntString(): string | null
    readUVarIntArray<A>(read: () => A): Array<A>
    readBytes(length: number): Buffer | null
    readTaggedFields(): unknown
  }
}

declare module "kafkajs/src/protocol/error.js" {
  const exported: {
    readonly createErrorFromCode: (
      code: number
    ) => Error & { readonly type: string; readonly code: number; readonly retriable: boolean }
  }
  export default exported
}

declare module "kafkajs/src/protocol/recordBatch/v0/index.js" {
  const exported: { readonly RecordBatch: (options: object) => Promise<{ readonly buffer: Buffer }> }
  export default exported
}

declare module "kafkajs/src/protocol/recordBatch/record/v0/index.js" {
  const record: (options: object) => { readonly buffer: Buffer }
  export default record
}

declare module "kafkajs/src/protocol/recordBatch/crc32C/index.js" {
  const crc32C: (bytes: Buffer) => number
  export default crc32C
}

/**
 * DirectSend: a request whose body is bytes already goes to the socket as it is, behind a head of its own. kafkajs' `send` copies it twice
 * more, into memory that it zeroes first and leaves to the collector; everything else is as it does it.
 */
import type { Socket } from "node:net"
import type Connection from "kafkajs/src/network/connection.js"
import type { ProtocolRequest } from "kafkajs/src/network/connection.js"
import { free } from "../records/AnswerMemory.ts"

/** What goes before the body: the length of all that follows, which request it is, its number, and who sends it. */
const headOf = ({ request }: ProtocolRequest, correlationId: number, clientId: string, bodyBytes: number): Buffer => {
  const name = Buffer.from(clientId)
  const head = Buffer.alloc(14 + name.length)
  head.writeInt32BE(head.length - 4 + bodyBytes, 0)
  head.writeInt16BE(request.apiKey, 4)
  head.writeInt16BE(request.apiVersion, 6)
  head.writeInt32BE(correlationId, 8)
  head.writeInt16BE(name.length, 12)
  name.copy(head, 14)
  return head
}

/** The answer, decoded; undefined where none is sent. The body is given up: its memory is freed when it is answered. */
export const sendDirectly = async (
  connection: Connection,
  socket: Socket,
  asked: ProtocolRequest,
  body: Buffer
): Promise<unknown> => {
  const { request, response, requestTimeout = null } = asked
  // A login may have run out.
  if (!connection.isAuthenticated()) await connection.authenticate()
  const correlationId = connection.nextCorrelationId()
  const head = headOf(asked, correlationId, connection.clientId, body.length)
  const expectResponse = request.expectResponse?.() ?? true
  const { apiKey, apiName, apiVersion } = request
  const { payload } = await new Promise<{ readonly payload: Buffer }>((resolve, reject) => {
    connection.failIfNotConnected()
    connection.requestQueue.push({
      entry: { apiKey, apiName, apiVersion, correlationId, resolve, reject },
      ...{ expectResponse, requestTimeout },
      sendRequest: () => {
        socket.cork()
        socket.write(head)
        socket.write(body)
        socket.uncork()
      }
    })
  })
  if (!expectResponse) return undefined
  free(body)
  const decoded = (await response.decode(payload)) as { readonly clientSideThrottleTime?: number }
  connection.requestQueue.maybeThrottle(decoded.clientSideThrottleTime)
  return decoded
}

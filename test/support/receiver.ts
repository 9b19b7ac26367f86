/** An endpoint: a real HTTP server that keeps what it was sent, and answers as a test says. */
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type RequestListener, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { TLSSocket, TlsOptions } from 'node:tls'

export interface ReceivedRequest {
  path: string
  headers: IncomingHttpHeaders
  body: string
  receivedAt: number
  /** The common name in the certificate that the client showed. */
  client: string | undefined
}

/** A status to answer with, or a way to answer. Not to answer at all is a function that does nothing. */
export type Answer = number | ((response: ServerResponse, request: ReceivedRequest) => void)

export interface Receiver extends AsyncDisposable {
  url: string
  /** In the order in which they came. */
  requests: ReceivedRequest[]
  /** Answers to come, one for each request; then the last one for all. */
  answerWith(...answers: Answer[]): void
}

export const startReceiver = (...answers: Answer[]): Promise<Receiver> =>
  startReceiverAt('127.0.0.1', answers)

/** One of https. @param tls its certificate is for `localhost` */
export const startTlsReceiver = (tls: TlsOptions, ...answers: Answer[]): Promise<Receiver> =>
  startReceiverAt('127.0.0.1', answers, tls)

/** @param host the address of this machine that the endpoint is reached at */
export async function startReceiverAt(
  host: string,
  answers: Answer[] = [],
  tls?: TlsOptions,
): Promise<Receiver> {
  const requests: ReceivedRequest[] = []
  let script = answers.length > 0 ? answers : [200]

  const listener: RequestListener = async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const received = {
      path: request.url ?? '',
      headers: request.headers,
      body: Buffer.concat(chunks).toString(),
      receivedAt: performance.now(),
      client: tls && String((request.socket as TLSSocket).getPeerCertificate().subject?.CN),
    }
    requests.push(received)
    const answer = script.length > 1 ? script.shift() : script[0]
    if (typeof answer === 'function') answer(response, received)
    else response.writeHead(answer ?? 200).end()
  }
  const server = tls ? createTlsServer(tls, listener) : createServer(listener)
  server.listen(0, host)
  await once(server, 'listening')

  return {
    url: `${tls ? 'https://localhost' : `http://${host}`}:${(server.address() as AddressInfo).port}/hook`,
    requests,
    answerWith(...answers) {
      script = answers
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

/**
 * Services: counters that grow by exactly ten a second, seen in two ways at once: scraped directly over HTTP, as the yardstick, and written
 * to dump files for an agent, each at a pace and phase of its own. Some of them lose a series, end or fall silent at a moment that is
 * known, so that it can be told how long a query goes on showing them.
 */
import { once } from "node:events"
import { rename, writeFile } from "node:fs/promises"
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { random } from "../../../src/testing/Random.ts"

export const perSecond = 10
/** A dump is this much early or late at most, ms. */
const jitter = 300

/** `steady` ones stay; of `leaving` ones a series leaves the dump, `ended` ones say that they have ended, `silent` ones say no more. */
export type Kind = "steady" | "leaving" | "ended" | "silent"
export const vanishing = ["leaving", "ended", "silent"] as const satisfies ReadonlyArray<Kind>

export interface Service {
  readonly name: string
  readonly kind: Kind
  /** Seconds between its dumps. */
  readonly dump: number
  /** ms of the first one after the start. */
  readonly phase: number
  /** Of what vanishes: `Date.now()` from which on it is gone. */
  goneAt: number
}

export interface ServicesOptions {
  readonly folder: string
  readonly dumps: ReadonlyArray<number>
  readonly steady: number
  readonly each: number
  readonly seed: number
  /** Tells the log that a service has ended. */
  readonly end: (name: string) => Promise<void>
}

export class Services {
  readonly all: ReadonlyArray<Service>
  /** The direct exporter's port, once started. */
  port = 0
  private readonly options: ServicesOptions
  private readonly chance: ReturnType<typeof random>
  private readonly started = Date.now()
  private readonly stopping = new AbortController()
  private readonly server: Server
  private work: Promise<unknown> = Promise.resolve()

  constructor(options: ServicesOptions) {
    this.options = options
    this.chance = random(options.seed)
    this.all = options.dumps.flatMap((dump) =>
      (["steady", ...vanishing] as const).flatMap((kind) =>
        Array.from({ length: kind === "steady" ? options.steady : options.each }, (_, i) => ({
          ...{ name: `${kind}-${dump}-${i}`, kind, dump, goneAt: Number.POSITIVE_INFINITY },
          phase: this.chance.int(0, dump * 1000)
        }))
      )
    )
    this.server = createServer((request, response) => {
      const service = this.all.find(({ name }) => request.url === `/${name}`)
      // A service that is gone refuses connections; to Prometheus any failed scrape is the same.
      if (service === undefined || (service.kind !== "leaving" && Date.now() >= service.goneAt)) {
        response.writeHead(503).end()
        return
      }
      response.writeHead(200, { "content-type": "text/plain; version=0.0.4" }).end(this.text(service))
    })
  }

  async start(): Promise<void> {
    await once(this.server.listen(0, "127.0.0.1"), "listening")
    this.port = (this.server.address() as AddressInfo).port
    this.work = Promise.all(this.all.map((service) => this.run(service)))
  }

  /** What vanishes does so from now on, within so many ms, at moments that fit no rhythm. */
  vanish(within: number): void {
    const now = Date.now()
    for (const service of this.all) if (service.kind !== "steady") service.goneAt = now + this.chance.int(0, within)
  }

  async stop(): Promise<void> {
    this.stopping.abort()
    this.server.close()
    this.server.closeAllConnections()
    await this.work
  }

  private text({ kind, dump, goneAt }: Service): string {
    const now = Date.now()
    const labels = `{dump="${dump}"}`
    const ticks = `# TYPE ticks_total counter\nticks_total${labels} ${((now - this.started) * perSecond) / 1000}\n`
    if (kind === "steady") return ticks
    return now < goneAt ? `vanishing{dump="${dump}",kind="${kind}"} 1\nstays 1\n` : "stays 1\n"
  }

  private async run(service: Service): Promise<void> {
    const { name, kind, dump, phase } = service
    const file = join(this.options.folder, `${name}.prom`)
    const { signal } = this.stopping
    const until = (at: number) => delay(Math.max(0, at - Date.now()), undefined, { signal }).then(() => true)
    const isGone = () => kind !== "leaving" && Date.now() >= service.goneAt
    const dumps = async () => {
      for (let n = 0; !isGone(); n++) {
        await until(this.started + phase + n * dump * 1000 + (n === 0 ? 0 : this.chance.int(-jitter, jitter)))
        if (isGone()) break
        await writeFile(`${file}.tmp`, this.text(service))
        await rename(`${file}.tmp`, file)
      }
      if (kind === "ended") await this.options.end(name)
    }
    await dumps().catch((error: unknown) => {
      if (!signal.aborted) throw error
    })
  }
}

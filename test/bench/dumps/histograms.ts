/** A service that exports little but histograms: gRPC methods with latency and size, eighteen buckets each, a third of them not in use. */
import { random } from "../../../src/testing/Random.ts"
import { type SeriesSpec, SyntheticService } from "./service.ts"

const latency =
  "0.001 0.002 0.004 0.008 0.016 0.032 0.064 0.128 0.256 0.512 1.024 2.048 4.096 8.192 16.384 32.768 65.536"
const size =
  "64 128 256 512 1024 2048 4096 8192 16384 32768 65536 131072 262144 524288 1.048576e+06 4.194304e+06 1.6777216e+07"

export const histograms = (index: number): SyntheticService => {
  const r = random(index + 301)
  const shard = r.hex(4)
  const sets = Array.from(
    { length: 23 },
    (_, i): SeriesSpec => ({
      labels: `grpc_service="inventory.v1.Stock${i >> 2}",grpc_method="${["Get", "List", "Watch", "Reserve"][i % 4]}Item",shard="${shard}"`,
      movement: i % 3 === 2 ? "idle" : "busy"
    })
  )
  const family = (name: string, help: string, buckets: string) =>
    ({ name, help, type: "histogram", buckets: buckets.split(" "), series: sets }) as const
  return new SyntheticService(
    [
      family("grpc_server_handling_seconds", "Response latency of gRPC calls handled by the server.", latency),
      family("grpc_server_msg_received_bytes", "Size of messages received.", size)
    ],
    index + 302,
    "go"
  )
}

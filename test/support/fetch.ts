/** What the tests fetch on first use, fetched now: Kafka's jars, the Python parsers, Prometheus' parser, a mount that hangs, S3 servers and what services are run with, into the user's cache. For build servers. */
import { azurite } from "./azurite.ts"
import { cannotMount, mountProgram } from "./hangingMount.ts"
import { kafkaVersions } from "./kafkaJars.ts"
import { kafkaStart } from "./kafkaStart.ts"
import { oracleProgram } from "./oracle.ts"
import { parseInPython } from "./python.ts"
import { rclone, versitygw } from "./s3Server.ts"
import { peers, serviceTools } from "./serviceTools.ts"

for (const version of kafkaVersions) {
  await kafkaStart(version)
  console.log(`Kafka ${version} is there`)
}
const [verdict] = await parseInPython([{ format: "openmetrics", body: "# EOF\n" }])
if (verdict?.error !== undefined) throw new Error(verdict.error)
console.log("the Python parsers are there")
await oracleProgram()
console.log("Prometheus' parser is there")
if (cannotMount() === undefined) {
  await mountProgram()
  console.log("the mount that hangs is there")
}
await versitygw()
await rclone()
await azurite()
console.log("the servers of buckets are there")
await serviceTools()
console.log("older Nodes, yarn 1 and Jest are there")
await peers()
console.log("the oldest Effect of the package's range is there")

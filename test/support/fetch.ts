/** What the tests fetch on first use, fetched now: Kafka's jars, the Python parsers, Prometheus' parser and what services are run with, into the user's cache. For build servers. */
import { kafkaJars, kafkaVersions } from "./kafkaJars.ts"
import { oracleProgram } from "./oracle.ts"
import { parseInPython } from "./python.ts"
import { serviceTools } from "./serviceTools.ts"

for (const version of kafkaVersions) {
  await kafkaJars(version)
  console.log(`Kafka ${version} is there`)
}
const [verdict] = await parseInPython([{ format: "openmetrics", body: "# EOF\n" }])
if (verdict?.error !== undefined) throw new Error(verdict.error)
console.log("the Python parsers are there")
await oracleProgram()
console.log("Prometheus' parser is there")
await serviceTools()
console.log("older Nodes, yarn 1 and Jest are there")

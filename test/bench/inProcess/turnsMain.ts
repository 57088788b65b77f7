/** The process of one case of `turns`. Arguments: the case and its scale. Prints what was measured as JSON. */
import { measureTurns } from "./turns.ts"

const [name = "", scale = "1"] = process.argv.slice(2)
process.stdout.write(JSON.stringify(await measureTurns(name, Number(scale))))

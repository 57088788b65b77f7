#!/usr/bin/env -S node --max-semi-space-size=8
/** The program. All but its shield is loaded behind it. */
import { shield } from "./Shield.ts"

shield()
const { main } = await import("./run.ts")
await main()

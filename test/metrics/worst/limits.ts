/** limits: a pod's usual limits of a text, or some that a short text reaches. One object each: what was read under others is no memory. */
import { defaultParseLimits, type ParseLimits } from "../../../src/metrics/text/Dump.ts"

const narrow: ParseLimits = { maxBytes: 100_000, maxSeries: 500, maxLabels: 6, maxLabelValue: 64, maxHelp: 60 }

export const resolveLimits = (isNarrow: boolean): ParseLimits => (isNarrow ? narrow : defaultParseLimits)

import { clockMutants } from "./Clocks.ts"
import { breaksEach } from "./Hunt.ts"

breaksEach("clocks", clockMutants)

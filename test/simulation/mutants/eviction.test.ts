import { evictionMutants } from "./Eviction.ts"
import { breaksEach } from "./Hunt.ts"

breaksEach("eviction", evictionMutants)

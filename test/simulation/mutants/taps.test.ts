import { breaksEach } from "./Hunt.ts"
import { tapMutants } from "./Taps.ts"

breaksEach("taps", tapMutants)

import { fenceMutants } from "./Fence.ts"
import { breaksEach } from "./Hunt.ts"

breaksEach("fence", fenceMutants)

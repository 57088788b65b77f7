import { growthMutants } from "./Growth.ts"
import { breaksEach } from "./Hunt.ts"

breaksEach("growth", growthMutants)

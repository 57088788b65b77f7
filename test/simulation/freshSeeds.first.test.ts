import { playFreshSeeds } from "./freshSeeds.ts"

playFreshSeeds(0)

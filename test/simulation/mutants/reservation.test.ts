import { breaksEach } from "./Hunt.ts"
import { reservationMutants } from "./Reservation.ts"

breaksEach("reservation", reservationMutants)

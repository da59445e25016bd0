// The tour's captions, and what the reader may do about them.

import { $, send, swap } from "./dom.js";

let followed = "";

// page: {me(), look(changes)}
export function showTour(tour, page) {
  const place = $("tour");
  place.hidden = !tour;
  if (!tour) return;
  const isHere = place.contains(document.activeElement);
  swap(place, tour.html);
  if (isHere && !place.querySelector(":focus")) (place.querySelector(".primary") ?? place).focus(); // who presses keys goes on
  if (tour.user && tour.user !== followed && tour.user !== page.me()) page.look({ me: tour.user, channel: tour.channel, home: false });
  followed = tour.user;
}

export function listenToTour(page) {
  $("tour").addEventListener("click", (event) => {
    const pressed = event.target.closest("[data-tour]");
    if (!pressed) return;
    if (pressed.dataset.be) page.look({ me: pressed.dataset.be, channel: pressed.dataset.at, home: false });
    else send("/page/tour", { do: pressed.dataset.tour });
  });
}

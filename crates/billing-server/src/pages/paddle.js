// Opens Paddle's checkout over the page and leads on once it is paid.
//
// Paddle's own script opens the transaction that the page's address names
// (`_ptxn`) as soon as it is initialized. Nothing is decided here: what was
// bought comes to the server by Paddle's webhook.
"use strict";
(() => {
  const pay = document.getElementById("pay");
  const { environment, token, transaction, next } = pay.dataset;
  let completed = false;

  const show = (state) => {
    for (const part of pay.querySelectorAll("[data-state]")) {
      part.hidden = part.dataset.state !== state;
    }
  };

  const told = (event) => {
    switch (event.name) {
      case "checkout.completed":
        completed = true;
        if (next) {
          window.location.assign(next);
        } else {
          show("completed");
        }
        break;
      case "checkout.closed":
        if (!completed) {
          show("closed");
        }
        break;
      case "checkout.error":
      case "checkout.failed":
        show("failed");
        break;
    }
  };

  if (!window.Paddle) {
    show("blocked");
    return;
  }
  try {
    if (environment === "sandbox") {
      window.Paddle.Environment.set("sandbox");
    }
    window.Paddle.Initialize({ token, eventCallback: told });
  } catch {
    show("failed");
    return;
  }
  for (const again of pay.querySelectorAll("[data-again]")) {
    again.addEventListener("click", () => {
      show("open");
      window.Paddle.Checkout.open({ transactionId: transaction });
    });
  }
  show("open");
})();

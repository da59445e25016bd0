"""What the project promises about its speed, measured in one run: `python -m bench`, or `python -m bench ack`.

Each ratio is the bot's time divided by that of what it is compared with, measured in turns, round after round. The
figure is the median of the rounds' ratios, and their range tells how far to trust it; below 1 the bot is faster.
Milliseconds depend on the machine, ratios less so. The bot, what it is compared with, the local Slack, OpenBao and the
client are each a process of their own: on two cores they compete, and whatever else runs shows first in p99 and in
the cards. Measure on a machine that has nothing else to do.

ack   From a signed `/lab list` to the answer, its row in the inbox durable, against bench/baseline.py: Bolt in its
      default mode with a listener that only acknowledges, on the same Starlette, uvicorn and signature check.
      While requests pour in, handlers give way (bot/intake.py, Gate), so nearly all of the handling comes after the
      load. The table says how much came during it; the rest is waited for before the next round, and every request
      is answered in Slack. So a flood delays answers, some seconds for thousands, and not acknowledgements.
card  From typing `/lab up sandbox NAME` to a card in Slack that says `NAME: proposed`, against
      `terraform init && terraform plan -out && terraform show -json` by hand: the same Terraform, its state in a local
      file, without its call home. Cold: the first lab of a new bot, and a fresh folder by hand. Warm: the next lab, and
      the same folder again. The bot shows the card before it reads the plan's details, by hand the third command.
      Judged: the next lab, with the shipped policies in the catalogue, for which the bot reads the details before the
      card. They are taken in while Terraform plans; by hand nobody judges, and it is the same three commands.
      Also: from the start of `python -m bot serve`, with a new database, until /readyz answers 200; and the resident
      memory two seconds later.
guardrails  From what `terraform show -json` gave for 1,000 resources to the verdict of all shipped policies, in a child
      that has taken them in while Terraform planned; and the facts of a branch's module. Half of the first is handing
      the plan to regopy.
keys  `/key ssh LAB` against one bare hvac signature and one bare document read, added. In Slack: from the HTTP request
      of a client of its own until the local Slack has the answer, with the acknowledgement and Slack's own answers in
      it. Without Slack: from the recorded command until its answer is ready to be sent.
      Also the removal of somebody with 200 grants, until Vault has ended all; and the
      revocation list of 10,000 serials, built and signed anew.
lifetime  With 10,000 labs, 20,000 times in which they were up and 100,000 runs in SQLite: a sweep that finds nothing,
      one that finds 500 labs to remind of and queues 1,000 messages, `/lab list`, and the report of 30 days with its
      picture. The growth is against a tenth of that; linear would be 10.
page  In Chromium, from the bot's call of chat.postMessage until the frame that shows the message, in an empty channel
      and in one of 5,000 messages. That one opened, its longest frame while somebody scrolls up and down fast (more is
      fetched on the way), and from a key to the words that are offered. Left out where there is no Chromium.
pictures  Each picture from its data to its PNG, the start of the child that draws it included.
steps  What the step deploy takes beyond ansible-playbook by hand with the same settings, on one host of the sandbox: a
      key, its certificate, the wait for the host, the log, and the end of everything that was started. What the step
      test takes beyond its twelve checks: the state, a key and its certificate, and what was found.

The medians of two runs on two cores that did other work meanwhile (load 1 to 4), Python 3.11, Terraform 1.11.4:

    ack, 1 client          p50 0.09 and 0.08    p99 0.19 and 0.33     limits 0.25 and 0.5
    ack, 16 clients        p50 0.63 and 0.59    p99 0.71 and 0.72     limits 0.95 and 0.95
    request to card        cold 1.19 and 1.30   warm 0.70 and 1.15    limits 1.5 and 1.0
    request to judged card warm 1.29 and 1.35   limit 1.5 (load 4; `show` is two thirds of what is added)
    ready after its start  0.8 and 0.7 s        limit 1.5 s
    resident when idle     79 and 79 MB         limit 120 MB
    /key ssh               p50 2.0 and 1.8      limit 3 (load 1 and 5; single rounds 1.4 to 3.4)
    /key ssh in Slack      p50 4.3 and 3.4      limit 5 (Slack's own two answers are in it)
    removal, 200 grants    0.5 s                limit 2 s
    KRL, 10,000 serials    0.05 s               limit 0.1 s
    sweep, nothing due     0.1 ms               limit 50 ms
    sweep, 500 due         0.30 and 0.36 s      limit 1 s
    /lab list, p99         42 and 40 ms         limit 50 ms (p50 21 ms; growth 7.3, of the others below 5)
    report of 30 days      0.97 and 1.02 s      limit 2 s
    guardrails, 1,000      0.23 s               limit 0.3 s (rounds 0.22 to 0.24; 0.26 at load 4)
    facts of a module      0.19 s               limit 0.5 s
    deploy, beyond Ansible 0.17 s               limit 0.3 s
    test, beyond its checks 0.17 s              limit 0.3 s (load 7)
    message to page, p95   26 and 38 ms         limit 150 ms (p50 20 ms; with 5,000 messages 59 and 43 ms; load 4 to 5)
    open 5,000 messages    0.25 and 0.36 s      limit 1 s
    longest frame          50 and 83 ms         limit 100 ms (scrolling 5,000 messages; rounds 33 to 150 ms)
    key to what is offered 42 and 27 ms         limit 100 ms (p95)

Of the 15,000 requests of one run about 45 were handled during the load. With four handlers that give no way the same
acknowledgements took 0.41 and 1.15 (1 client), 1.79 and 2.09 (16 clients) times as long as the baseline's.
"""

"""The words of each command, as a table of templates.

A template has to fit the whole of what was said, so that a question that merely holds the words of a command stays a
question. How an utterance is tidied for that is known to `intents.py`, what else may pass for a command to `key_words.py`; the notation
and the lists that are named in it stand in `templates.py`.
"""

from __future__ import annotations

import re
from typing import Literal

from assistant.mind.understanding.templates import pattern

IntentName = Literal[
    "stop", "cancel", "pause", "resume", "repeat", "more", "next", "previous", "again", "slower", "faster", "louder",
    "quieter", "spell", "digits", "read", "headings", "where", "time", "battery", "help", "privacy", "forget", "camera_off",
    "camera_on", "repair", "yes", "no", "save", "document", "finish", "guide", "compare", "colour", "light", "ask", "nothing",
]  # fmt: skip

DESTRUCTIVE: frozenset[IntentName] = frozenset({"forget", "camera_off"})
"""What the next word cannot undo: asked of the assistant in so many words, or not done."""

TEMPLATES: dict[IntentName, str] = {
    # The first that fits decides. Questions that sound like a command stand here, because a near miss would be taken for one.
    "ask": """
        what is (the|its|his|her|your) name
        what (can|do) you see
        what do you say
        which <lamp> {any}
        how (do|can|should) i (turn|switch) (on|off|up|down) {any}
        [the] [grand] total""",
    "forget": """
        [now] (forget|delete|erase|wipe|clear|remove) (everything|all) [of (it|that|this|them)] [now|right now]
        (forget|delete|erase|wipe|clear|remove) (everything|all) [that] (you|we|i) \
            (know|remember|have|saw|see|heard|hear|said|stored|talked|told|were) [{any}]
        (forget|delete|erase|wipe|clear|remove) <mine> <pictures> [now]
        (clear|wipe|erase|empty|delete) [all] (your|the) [whole] memory [now]""",
    "camera_off": """
        [turn|switch|shut|put] [the|your] camera (off|of) [now|right now]
        (turn|switch|shut|put) <camera> off [now]
        (turn|switch|shut|put) (off|of) <camera> [now]
        (close|disable|shut [down]|deactivate|kill|stop) <camera>
        stop (looking|watching|filming) [[at] me]
        (close|shut) your eyes""",
    "camera_on": """
        [turn|switch|put] [the|your] camera [back] on [again]
        (turn|switch|put|start) <camera> [back] on [again]
        (turn|switch|put) [back] on <camera> [again]
        (open|enable|start|activate|restart) [up] <camera> [again]
        start (looking|watching|filming) [again]
        open your eyes [again]""",
    "stop": """
        (stop|quit) [(stop|it|that|this|there|here|right|i said)+]
        (stop|quit|cease) [your|the|all the] \
            (talking|reading|speaking|saying|speech|noise|voice|chatter|blabbing) [to me|<this>|there]
        enough (talking|reading|noise)
        (shut (up|it)|hush [up]|shush|sh|shh|zip it|quiet|silence|pipe down|[do] (be|keep|stay) \
            (quiet|silent|still))+
        [that is] [quite] (enough|plenty) [of (that|this|it)]
        that will do
        (i|we) have heard enough
        no more [of (that|this|it)|talking|reading]""",
    "cancel": """
        cancel [<this>|everything|(the|my|that|this) (question|request|task|command|last one|reading)|what you \
            are doing]
        (never mind|nevermind) [about] [<this>]
        forget [about] (it|that|this)
        [do not] bother [(about|with) <this>]
        do not worry [(about|with) <this>]
        (scrap|drop|leave|undo) (it|that|this)
        abort [it|that|this]
        [i have|i] changed my mind
        [it|that|this] does not matter
        no matter
        call it off
        (skip|ignore|drop) (the|that|my) question
        ignore (that|it|this|what i said)
        forget (what i (said|asked)|my question|the question)""",
    "pause": """
        (pause|wait|hold on|hang on|hold it|hold up|stand by|bear with me|just) [(wait|there|here|up|pause|hold \
            on|hang on)+] [for]
        (pause|stop) (it|that|this|[the] reading)
        [(wait|hold on|hang on|stop|pause|just|give me|for|take)+] (a|one|half a|another) [little] \
            (moment|minute|second|sec|tick|bit|while|mo|break)
        hold [that thought|right there|there]""",
    "resume": """
        (continue|resume|carry on|go on|keep on|keep going|keep reading|unpause|proceed|go ahead) \
            [(reading|speaking|talking|again|from there|from here)+]
        (continue|resume|carry on|go on) [with] [it|that|this|the (reading|text|page|letter|document)]
        (continue|resume|carry on|go on|pick up|start again|start|begin|read on) [again|reading] [again] [from] \
            where {any}
        i am (back|ready|listening) [again]
        read on""",
    "repeat": """
        [once|one more time|yet] again
        run that by me again
        what were you saying
        repeat [<this>|yourself|(your|the) [last] (answer|thing|sentence|bit|part)|what you [just] said] \
            [again|once more|one more time]
        (say|tell me|read) [<this>|me] [to me] (again|once more|one more time|another time)
        what did you [just] say [again]
        [sorry] what was (that|it) [again|you said]
        (pardon|sorry|what|huh|eh|excuse|beg) [me|your pardon]
        i beg your pardon
        come again
        (once more|one more time|another time)
        i (did not|could not) [quite|really] (catch|hear|get|understand) (that|it|you|what you said|this)
        i (can not|do not) [quite|really] (catch|get|understand) (that|it|you|what you said|this)
        i missed (that|it|what you said)
        repeating [<this>]""",
    "more": """
        [and|some] more [detail|details|information|info] [about <this>]
        [keep] (tell|give|say|read|know|hear|telling|giving) [me] [some|a bit] (more \
            [detail|details|information|info]|the rest [of <this>]) [about <this>]
        [go] (in|into) [more|greater|full] detail
        [and] [what|is there anything|anything|something|everything] (else|more) [is there|it says|do you \
            see|can you (say|tell me|see)|does it say|on it]
        is there [any] more [to it|of it]
        elaborate [on <this>]
        [let me hear] the rest [of <this>]
        expand on <this>
        [give me|tell me|say|read] the (long|longer|full|complete|whole) (version|answer|story)
        and [then]
        what more [is there|can you tell me]
        is that (all|everything)""",
    "next": """
        [<go>] [on] [to] [the] (next|following) [one|<unit>]
        skip [<this>|the rest [of {any}]] [one|a] [<unit>]
        [go|skip|jump|move] (ahead|forward|forwards|onward|onwards) [a|one] [<unit>]
        (a|one) <unit> (ahead|forward|forwards|on)
        move on""",
    "previous": """
        [<go>] [back] [to] [the] previous [one|<unit>] [again]
        [<go>] (back|backward|backwards|back up|backup) [to|by] [a|one|two|three] [<unit>] [again]
        (a|one) [<unit>] back
        [<go>] [back] [to] the (one|<unit>) before [this|that|it]
        [<go>] back to the last <unit>
        rewind [a|one] [<unit>]""",
    "again": """
        (try|look|check|ask|see|do) [at] [<this>] (again|once more|one more time|another time)
        (have|take|give <this>) (another|one more|a second|a new|a fresh) (look|go|try|shot) [at <this>]
        try now
        ask [me] (the question|my question|the same question|the same thing) again
        (retry|redo) [<this>]""",
    "slower": """
        [<speak>] [<this>] [more] (slower|slowly|slow)
        slow [<this>] down
        [<is>] [<speak>] too <fast> [for me]
        not (so|that|quite so|as) <fast>
        you (speak|talk|read|go) too <fast>
        <less> (the|your) (speed|pace|rate)
        i (can not|could not) (keep up|follow) [you|that|it]
        [take it] (easy|slow|slower) [please] [slow down]
        less (fast|speed)
        [at] [a] slower (speed|pace|speech)
        [even] slower [than (that|this|before)]
        <less> (the|your) [reading|speaking] (speed|pace)""",
    "faster": """
        [<speak>|read] [<this>] [more] (faster|quicker|quickly|fast)
        speed [<this>] up
        speed up
        [<is>] [<speak>] too <slow> [for me]
        not (so|that|quite so|as) <slow>
        you (speak|talk|read|go) too <slow>
        <raise> (the|your) (speed|pace|rate)
        (more|higher) speed
        hurry [up]
        pick up the pace
        [at] [a] (faster|higher) (speed|pace|speech)
        [even] faster [than (that|this|before)]
        <raise> (the|your) [reading|speaking] (speed|pace)""",
    "louder": """
        [<speak>] [<this>] [more] (louder|loudly|loud)
        (speak|talk) up
        turn [<this>|(the|your) (volume|sound|voice)] up
        turn up (the|your) (volume|sound)
        volume (up|higher)
        [even] louder [than (that|this|before)]
        [<is>] not (loud|loudly) enough
        [<is>] [<speak>] too <soft> [for me]
        <is> [<speak>] [so] <soft>
        i (can not|can hardly|can barely|could not) hear (you|it|that|this|anything)
        <raise> [the|your] (volume|voice|sound)
        you (speak|talk|read|are) too <soft>
        (more|higher) volume""",
    "quieter": """
        [<speak>] [<this>] [more] (quieter|softer|quietly|softly)
        [be|speak] less <loud>
        turn [<this>|(the|your) (volume|sound|voice)] down
        turn down (the|your) (volume|sound)
        volume (down|lower)
        [even] (quieter|softer) [than (that|this|before)]
        [<is>] not (quiet|soft) enough
        [<is>] [<speak>] too <loud> [for me]
        <is> [<speak>] [so] <loud>
        not (so|that|quite so|as) <loud>
        you (speak|talk|read|are) too <loud>
        <less> [the|your] volume
        (<less>|keep) (the|your) (volume|voice|sound) [down]
        keep it down
        (less|lower) volume""",
    "digits": """
        [read|say|give|tell|spell] [out] [me] [{argument}] (digit by digit|number by number|figure by \
            figure|digit for digit|number for number)
        [read|say|give|tell|spell] [out] [me] [{argument}] [one [digit|number|figure]] (at a time|by one|after \
            another) [slowly]
        [read|say|give|tell] [out] [me] (the|each|every|single|individual|all the) \
            (digit|digits|number|numbers|figure) (separately|individually|alone|on (its|their) own)
        [read|say|give|tell] [out] [me] [just|only] (the|each|every|single|individual|all the) (digit|digits)
        (digit|number|figure) after (digit|number|figure)
        [in|as] single digits
        [the] digits""",
    "spell": """
        (spell|spelling) [out] [{argument}] [out] [slowly]
        how (do|would|can|should) (you|i) spell (<this> [word|name]|{named})
        how is (<this> [word|name]|{named}) (spelled|spelt|written)
        what is the spelling [of (<this>|{named})]
        [say|read|give me|tell me] [{argument}] [one] (letter by letter|letter for letter|letter at a time)""",
    "headings": """
        [read|list|give|tell|say|skim] [me] [out] [just|only|all] [the|all the] [section|chapter|page|main] \
            (headings|headlines|headers) [only]
        [read|list|give|tell|say|skim] [me] [out] (just|only) [the|all the] [section|chapter] titles
        [read|list|give|tell|say|skim] [me] [out] [the] titles only
        [read|list|give|tell|say|skim] [me] [out] [the] (section|chapter) titles
        what are the [section|chapter|page|main] (headings|headlines|headers)
        (what|which) (headings|headlines|sections) (are there|does (it|this) have)""",
    "read": """
        (read|reading) [it|this|me] [out] [out loud|loud|aloud] [to me]
        [start|begin] (read|reading) [out] [to me|me] [all [of]] [all [of]] [<this>|everything] [all] [of \
            <this>] [(on|in) (it|there|here|(the|this|that) [page|<sheet>])|that is {any}] [out] [to me] [out \
            loud|loud|aloud] [from the <start>]
        (read|reading) [out] [to me|me] [all [of]] (the|this|that|my) [whole|entire|full|complete] \
            (thing|page|text|letter|paper|sheet|lot|leaflet) [out] [to me] [out loud|loud|aloud] [from the <start>]
        [read|start|begin|go] [it] [all] [again] (from|at) the <start> [again]
        [give me] the (whole|full|entire) (text|page|letter|thing)
        (start|begin) over""",
    "where": """
        where (am i|are we|was i|were we|are you) [up to|at] [in the <sheet>|in the page]
        where did (we|i|you) (stop|get to|leave off)
        how far [along|through|in] (are we|am i|is it|did we get|have (we|i|you) (got|gotten|come|read)) \
            [along|through|in]
        how (much|many pages|many lines|many sentences|long) [of (it|this|the <sheet>|the page)] [more] \
            [is|are] [there] [still] (left|to go|to read|to come|remaining|remains) [to (go|read|come)]
        how (much|many|long) (longer|more|more pages) [is it|is there|are there|will it take] [to go]
        (what|which) (page|line|paragraph|sentence) (are we|am i|are you) (on|at)
        are we (nearly|almost) (there|done|finished|through)
        is there (much|a lot|any) [more] (left|more|to go|to read) [to (go|read|come)]
        where (we|i) (are|am) [now]
        how far (we|i) (are|am|have (got|come|read))""",
    "time": """
        (what|which) time is it
        what time do you (make it|have)
        what is the hour
        what is the {date:day} [today]
        what (time it is|the time is)
        [what is] [the] [current] time
        (do you have|have you got|got|tell me|give me|say) the time
        (what|which) {date:day|date|month|year} [of the week] is (it|today) [today]
        what {date:day} it is [today]
        [what is] [the] [current] {date:date} [is] [today]
        what the {date:day|date} is [today]
        what is {date:today}
        [what is|tell me] (today is|todays) {date:date|day}
        what {date:day} of the week is it
        what is the {date:day} of the week
        is it {date:monday|tuesday|wednesday|thursday|friday|saturday|sunday} [today]
        [the] time and {date:date}
        (what|which) {date:date|day} (do we have|have we got) [today]""",
    "battery": """
        [check|what is] [the|your] (battery|charge) [level|status|state|charge|life|percentage] [left|at|like]
        how (is|full is|charged is|low is|empty is) (the|your) (battery|charge)
        how much [of the] (battery|charge|power|juice) [life] (is|do you|have you|do we|have we|is there) \
            [have] [got] [left|remaining]
        (is|are) (the battery|your battery|you) [getting|running|fully|nearly|almost|still] \
            (low|empty|full|charged|charging|out|plugged in|ok|okay|all right|dead|dying) [on battery] [on power]
        is it charging
        how charged are you
        what percentage [of battery] (is|do you have|have you) [the|your] [battery] [at|left]
        [when] do (you need|i need to|i have to) (charging|to be charged|charge you|charge it|a charge)
        how long (will|does|can) (the|your) battery last""",
    "help": """
        help [me] [out]
        [i need|give me] [some|your|a little] help [here]
        what [else] can (you|i) (do|say|ask) [you|to you] [for me|here]
        what do (you do|i (do|say|ask)) [you|to you] [for me|here]
        (what|who) are you
        how (do you work|you work)
        what (you|i) can (do|say|ask) [you|to you] [for me]
        what am i able to (do|say|ask)
        what (sort|sorts|kind|kinds) of (things|questions) (can|do) (you|i) (do|say|ask) [you]
        what are you able to do
        [list|tell|what are|give|say|read|show] [me] [all] [the|my|your] (commands|options)
        (what|which) (commands|words|questions) (are there|do you (know|understand)|can i (use|say|ask))
        i do not know what to (say|do|ask)
        how can (you|i) (help me|use you)
        how (do|can|should) i (use|talk to|speak to|speak with|talk with|operate) you""",
    "privacy": """
        [tell me] [about] [the|your|my] privacy
        is (this|it|everything|that|(this|our) conversation|my <pictures>|what i (say|said)) [being] \
            (private|safe|secure|recorded|stored|saved|confidential)
        are you [always|still] (recording|storing|keeping|saving|listening|watching|spying|online|offline) \
            [to|on] [me|this|us] [all the time|now]
        are you connected [to the (internet|network|cloud)]
        what [data] do you (store|keep|record|save|remember|know|collect) [about me|of me]
        do you (record|store|save|keep|send|share|upload|remember|sell) (me|this|anything|everything|what i \
            say|my {any}|anything {any})
        do you (keep|store|have|make|take|save) [any] (recordings|pictures|photos|data) of (me|this|us)
        who [else] [can|is|has] <hear> [to] [me|this|us|my {any}|what i say]
        (is|does|do|can) <anyone> [else] <hear> [to] [me|this|us|my {any}|what i say]
        where (do|does|is|are) my {any} (go|stored|kept|saved|sent)
        do you [always] (listen|watch) [to me|me] [all the time]
        do you (keep|store|save|record|remember) what (you|i) {any}
        (is|are|does|do) (anything|something|everything|my <pictures>) [get|being] \
            (sent|go|leave|shared|uploaded) [{any}]
        what happens (to|with) my <pictures>
        do you use the (cloud|internet)""",
    "yes": """
        (yes|yeah|yep|yup|sure|okay|ok|correct|right|exactly|absolutely|definitely|certainly|indeed|aye|of \
            course|uh huh|mm hmm|all right|alright|fine)+ [please|thing|then|indeed|thanks|thank you|why not]
        [yes|yeah|yep|yup|exactly|okay|sure] (that|this|it) is (right|correct|true|exactly [right|it]|it \
            exactly|what i (said|meant|want))
        [yes] that is what i (said|meant|want|wanted)
        [yes] (do|go for) (it|that|so)
        [yes] (it is|i do|i am|i would|you are|you can|you may|i think so|we can|let us)
        [please] do""",
    "no": """
        (no|nope|nah|nay|definitely not|wrong|incorrect|never|not really|not at all|no way|not now|no thanks|no \
            thank you)+ [please]
        [no] (that|this|it) is (wrong|incorrect|not (right|correct|true|it|what i (said|meant|asked|wanted)))
        [no] (absolutely|certainly|definitely|of course) not
        [no] (it is|i am) not
        [no] nothing
        [no] [i] do not [think so|want (it|that|this|to)|do <this>]
        [no|nope|nah|definitely|certainly|absolutely|please] not (that|this|it|now|right now|yet) [one]
        [no] leave it (as it is|alone)
        [no] you are wrong""",
    "save": """
        (save|keep|store|remember|bookmark) (<this>|(this|that|the|my) \
            (picture|photo|text|answer|page|<sheet>|receipt)) [for (later|another time)]
        save [what (you|i|it) [just] {any}]
        (make|take|keep) a (note|copy|record) [of <this>]
        (write|note|jot) <this> [down]
        (add|put|save) <this> [in|to|into] [my|the] notes
        save a copy [of <this>]""",
    "document": """
        (start|begin|open|read|scan|do|have|make) [reading|scanning] (a|another) [new|long|longer] \
            (document|booklet|brochure)
        [a] new document
        [(start|begin|open|read|scan|do|have|make|i have|i have got|there are|there is|it is|this is|got)+] [a \
            <sheet>] [with|of|that has] <several> pages [to (read|scan)|for you|here]
        (this|it|the|my) [<sheet>] (has|is) [got] <several> (page|pages) [long]
        (i have|i have got|there is) (a|another) <sheet> to (read|scan)
        scan (a|another) <sheet>
        [it is|this is] a (long|longer) <sheet>
        [a] (multi|several|many|multiple) page <sheet>
        document mode
        (start|begin) scanning""",
    "finish": """
        that is all there is
        [i am|we are|it is|i have|we have|all] (finish|finished|done|through) [with] [it|this|that|(the|this) \
            <sheet>|scanning]
        (that|this|it) (was|is) (all|it|everything|the end|the (last|final) (page|one|sheet)) [of it|of them]
        [there are|there is|i have|i have got] no [more|other|further] (pages|page|sheets) [left]
        [that is|nothing] (more|else) for now
        [the] (last|final) page
        (that|this|it) (is|was) the (whole|entire|complete) <sheet>
        [the] end [of] [the|this] [<sheet>]
        (the|this) <sheet> is (finished|done|complete|over)
        (end|close|complete) (the|this) <sheet>""",
    "guide": """
        guide (me|my hand|my hands|us|the camera) [to {any}]
        (help|show|tell) me [how] [to] (aim|point|hold|frame|position|line) [<this>|the (camera|phone|picture)] \
            [up|right]
        help me [to] (take|get|make) (a|the) [good|better] <shot> [of {any}]
        (take|snap|shoot) (a|another|the|one more) [new|good|better] <shot> [of <this>]
        [where|how|which way] (should|do|must|shall|can) i (point|hold|aim|move|turn) [<this>|the \
            (camera|phone|page|paper)]
        am i (holding|pointing|aiming) [<this>|the (camera|phone)] [at <this>] [right|correctly|straight|the \
            right way]
        (am i|is it|is this|is the camera) (close enough|near enough|too close|too far away|pointing the right \
            way|straight)
        is (it|this|the <sheet>|the page|everything|the whole page) in [the] (view|frame|picture)
        tell me (when|if) (it|this|the page|the <sheet>) is in [the] (view|frame|picture)
        (tell|show) me which way to (move|go|turn) [<this>|the camera]
        help me [with] (the (camera|picture|photo)|find the (text|page|label|paper|writing))
        help me get (<this>|the [whole] (page|text|label|letter)) in [the|to the] [picture|frame|view]
        (aim|photo|picture|snapshot)""",
    "compare": """
        compare [<this>|both [of them]|the two|[the|both] (pictures|photos|two|labels)] [one] \
            [(with|to|and|against) <old>]
        what [is|has|was] [the] (changed|different|difference|differences) [here] [(from|to|since|between|with) \
            [<this>] [one] [and] [<old>]]
        (is|are|was|does|do|did|has) (this|that|it|these|anything|everything|something) [one] {any} \
            (than|as|to|from|with|since) <old>
        how (does|do|is) <this> [one] (compare|differ|different) [(to|with|from) <old>]
        (which|what) [one] {any} this [one] (or|are|on) <old>
        (the same|same|different) (as|from|than) <old>
        (is|was|were) the (last|previous|other) (one|ones|picture) {any}
        (has|did) (it|anything|something|this) (change|changed) [since <old>]
        is <this> [still] the same [one] [as <old>]
        is <this> the same [one] i showed you before""",
    "colour": """
        [what|which|tell me|name|identify|say] [is|are] [the] (colour|colours|color|colors|shade) [of] \
            [is|are|am i holding|would you say] [<this>|the (thing|one|object)] [one|thing|is|are|here|in front \
            of me|i am holding]
        [tell me] what (colour|colours|color|colors|shade) <this> [one|thing] (is|are)""",
    "light": """
        (is|are) (<lamp>|a (light|lamp)|there any light) [still] (on|off|in here|out) [or off] [in here|in the room]
        did i (leave|turn|switch) <lamp> (on|off)
        have i (left|turned|switched) <lamp> (on|off)
        <lamp> (is|are) [still] (on|off) [or off]
        it is [still] (dark|light|bright) [in here|outside]
        is (it|there) [too|very|getting|still] [enough] (dark|bright|light|daylight|day|night) [or \
            (day|night|light|dark)] [in|out] [here|there|outside|now]
        how (dark|bright|light|much light) is (it|there) [in|out] [here|there|outside]
        check <lamp>
        light level""",
    "nothing": """
        (you|the|i|a|oh|ah|uh|um|uhm|mhm|hm|hmm|er|mm|so|well|hey nabu|okay nabu|please|bye|good bye|bye \
            bye|goodbye|hello|hello there|hi there|hi|thanks|thank you [so much|very much]|cheers|to|and)+
        (thanks|thank you) [so much|very much] for (watching|listening) [{any}]
        thanks a lot
        see you [later|next time|in the next (video|one)]""",
}  # fmt: skip


PATTERNS = tuple(
    (name, re.compile("|".join(f"(?:{pattern(line)})" for line in lines.strip().splitlines())))
    for name, lines in TEMPLATES.items()
)
"""Each fits words in lower case, every one followed by a space."""

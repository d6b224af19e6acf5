"""Hand-made word lists: closed classes, and the vocabulary of people, clothes and things in videos.

The lists settle what a dictionary leaves open: "suits" is a verb there and a piece of clothing
here. They hold whole words, lower-case. Nothing in them is tied to one data set.
"""

from __future__ import annotations

from typing import Final


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


# ---- closed classes -------------------------------------------------------------------------

DETERMINERS: Final = _set("""
    a an the this these those that another other each every both some any no my your his her its
    their our all several many few which what whose
""")
ORDINALS: Final = _set("first second third fourth fifth sixth last")
NUMBERS: Final = ORDINALS | _set("""
    one two three four five six seven eight nine ten eleven twelve dozen
""")
PLURAL_NUMBERS: Final = (NUMBERS - ORDINALS - {"one"}) | _set("""
    several many few both these those all
""")
PARTITIVES: Final = _set("all both some many several few each most none any one")
"""Words that count part of something when "of" follows: "all of the men"."""
PERSON_PRONOUNS: Final = _set("""
    i you he she we they him them me us someone somebody anyone anybody everyone everybody nobody
    who whom himself herself themselves his her hers
""")
THING_PRONOUNS: Final = _set("it something anything everything nothing itself")
PRONOUNS: Final = PERSON_PRONOUNS | THING_PRONOUNS
JOINERS: Final = _set("and or & nor")
CONJUNCTIONS: Final = JOINERS | _set("but then while when as before after until because so")
"""Words that may join clauses; those that are prepositions too are told apart by what follows."""
RELATIVES: Final = _set("who that which whom whose")
BE_FORMS: Final = _set("is are was were be")
DO_FORMS: Final = _set("do does did")
AUXILIARIES: Final = (
    BE_FORMS
    | DO_FORMS
    | _set("""
        been am has have had can could will would shall should may might must cannot isn't aren't
        wasn't weren't doesn't don't didn't hasn't haven't can't won't couldn't
    """)
)
ADVERBS: Final = _set("""
    then now also still just again finally suddenly quickly slowly not never always together apart
    aside forward forwards backward backwards upward upwards downward downwards sideways already
    immediately first next twice once here there soon too very only almost later afterwards away
    indoors outdoors indoor outdoor upstairs downstairs nearby continuously repeatedly gently back
""")
PLACE_ADVERBS: Final = _set("""
    indoors outdoors indoor outdoor inside outside upstairs downstairs here there nearby
""")

# ---- prepositions ---------------------------------------------------------------------------

PREPOSITIONS: Final = _set("""
    in on at by of to with without from into onto for towards toward above below beneath under
    underneath over behind before after beside besides between among near inside outside across
    along around against opposite through past during next away off like as up down via within
    beyond amid upon about until till out
""")
PARTICLES: Final = _set("up down out off over around by through along away in back")
"""Prepositions that may end a verb: "tied up", "turning around"."""
RELATIONS: Final = _set("""
    behind above below beneath under underneath over beside besides near inside outside towards
    toward against between among opposite away next across beyond around
""")
"""Prepositions that relate the target to something else: they open the action of a sentence that
has no verb ("a toy behind a child")."""
_COMPLEX: Final = """
    in front of; in front; on top of; next to; close to; away from; far away from; far from; out of;
    ahead of; behind of; inside of; outside of; towards to; toward to; along with; across from;
    opposite to; opposite of; adjacent to; off of; up to; down to; back to; over to;
    at the back of; at the front of; at the top of; at the bottom of; at the side of;
    in the middle of; in the center of; to the left of; to the right of; on the left of;
    on the right of; on the left side of; on the right side of; on the other side of
"""
COMPLEX_PREPOSITIONS: Final = tuple(
    sorted((tuple(phrase.split()) for phrase in _COMPLEX.split(";")), key=len, reverse=True)
)
"""Prepositions of several words, longest first."""

# ---- how things look ------------------------------------------------------------------------

COLOURS: Final = _set("""
    red orange yellow green blue purple violet pink black white gray grey brown beige khaki tan
    cyan gold golden silver teal turquoise crimson navy olive mint maroon cream magenta scarlet
    indigo lavender burgundy lime ivory wathet colorful colourful multicolor multicolored
    multicoloured multi-color multi-colored dark light pale plaid floral camouflage denim striped
    stripe stripes checkered polka-dot patterned dark-colored light-colored black-and-white
""")
"""Colours and patterns: after "in" they stand alone for clothes ("the man in red")."""
ADJECTIVES: Final = _set("""
    young younger youngest old older oldest elderly little small smaller smallest big bigger
    biggest large larger tall taller tallest short shorter shortest long thin fat fattest strong
    bald naked shirtless female male left right middle far wooden electric same different leftmost
    rightmost topmost bearded haired topless barefoot whole half-naked beautiful pretty new empty
    full bare crossed spotted middle-aged bright deep glass metal plastic leather gray-haired front
""")
MATERIALS: Final = _set("""
    glass metal plastic leather wood stone paper rubber steel iron cotton wool silk straw cardboard
""")
"""Nouns that describe when they stand before another noun ("a glass bottle")."""
DESCRIBING: Final = _set("""
    wearing dressed dressing clad clothed having sporting covered named called facing disguised
""")
"""Participles that describe looks: they stay with the attribute ("an adult wearing a watch")."""
HAVING: Final = DESCRIBING | _set("wears wear wore has have had")
"""Verbs of a clause that describes looks ("a man who wears a hat")."""
SIDES: Final = _set("""
    left right middle center centre front back side far top bottom rear leftmost rightmost corner
    foreground background end
""")
"""After "on the", "in the": which of several targets is meant ("a cow on the left")."""
PICTURE: Final = _set("screen video picture image frame scene clip footage camera")
"""What "on the left of the ..." may name without relating the target to another object."""

# ---- people and things ----------------------------------------------------------------------

PEOPLE: Final = _set("""
    man men woman women boy boys girl girls adult adults child children kid kids baby babies person
    persons people lady ladies guy guys gentleman gentlemen male female toddler teenager human
""")
CLOTHING: Final = _set("""
    clothes clothing clothings cloth outfit suit suits shirt shirts t-shirt t-shirts tshirt tee
    coat coats jacket jackets dress dresses skirt skirts pants trousers shorts short jeans hat hats
    cap caps helmet helmets mask masks scarf uniform uniforms vest vests robe robes gown boots
    shoes shoe socks belt tie glove gloves sweater sweaters sweatshirt hoodie blouse top tops apron
    costume costumes bikini swimsuit swimwear pajamas diaper panties underwear overalls jumpsuit
    wetsuit spacesuit tracksuit leggings stockings glasses sunglasses goggles spectacles headscarf
    headdress turban veil crown wig armor armour overcoat windbreaker raincoat parka cardigan
    pullover jersey kimono cloak cape tuxedo turtleneck bathrobe nightgown slippers sandals heels
    sleeves sleeve collar ring hair ponytail ponytails braids braid beard mustache moustache bun
    bangs sari tunic petticoat waistcoat shawl hood bandana headband necklace watch earrings
""")
LOOKS: Final = CLOTHING | _set("shape color colour colors style pattern size age mood")
"""What "in ..." names when it describes the target and not its place."""
_NOUNS: Final = _set("""
    horse dog cat bird duck bear cow sheep fish monkey rabbit toy ball sofa chair table bed bench
    stool seat desk cup bottle glass bag handbag backpack box basket plate dish bowl spoon knife
    fork book paper phone cellphone telephone camera screen monitor laptop computer microphone
    guitar piano drum car bus truck train boat ship bike bicycle motorcycle scooter skateboard
    snowboard surfboard watercraft aircraft ski bat racket stick gun sword door window wall floor
    ceiling room kitchen stage street road path ground grass water snow sand beach pool park yard
    field court store market hand head arm leg finger foot knee shoulder neck back face chest eye
    ear nose mouth body tail side corner front middle bottom picture flower tree leaf fruit
    vegetable food cake bread building garden house office gym school wedding evening morning crowd
    group team player officer soldier doctor nurse teacher student number color colour card fan
    lamp bell rope pole fence stair railing rail mat blanket towel pillow carpet curtain umbrella
    cigarette pipe pen pencil letter envelope suitcase wheel cart wagon sled tube circle square
    triangle rectangle disk disc star diamond cross hexagon pentagon ellipse oval cube sphere
    object thing animal
""")
# A watch is worn, but "watches" is far more often what somebody does.
THINGS: Final = (CLOTHING | PEOPLE | _NOUNS) - {"watch"}
"""Things, body parts and places that a dictionary also lists as verbs."""
PLURAL_THINGS: Final = _set("""
    men women people children babies clothes glasses sunglasses goggles pants trousers shorts jeans
    ladies gentlemen persons kids guys leaves knives feet bodies scarves sports overalls tights
    pajamas leggings stockings
""")
VERBS_IN_S: Final = _set("""
    hands heads faces backs points rings slides swings lights crosses circles parks drums fishes
    cycles rounds shoulders steps stops squares sides
""")
"""Forms in -s that stay ambiguous although the singular is a thing ("hands him the cup")."""
MEASURES: Final = _set("group pair couple bunch crowd team row line set lot number piece")
"""Nouns whose "of" phrase says what they are: "a group of people"."""
COMPOUNDS: Final = frozenset(
    {
        ("electric", "fan"),
        ("stop", "sign"),
        ("traffic", "light"),
        ("teddy", "bear"),
        ("paper", "bag"),
        ("bowling", "ball"),
        ("swimming", "ring"),
        ("washing", "machine"),
        ("rocking", "chair"),
        ("baby", "seat"),
        ("baby", "walker"),
    }
)
"""Two-word names whose first word looks like an adjective or a person."""

# ---- actions --------------------------------------------------------------------------------

ACTIONS: Final = _set("""
    lean speak talk walk run jump sit stand hold hug kiss touch watch look ride drive push pull
    carry lift grab pat caress press wave feed kick hit bite chase lick smell throw catch open
    close clean cut shake release use squeeze point play get turn move go come put take give raise
    lower bend squat kneel lie stop start begin pick drop leave enter follow stroke nod smile dance
    sing eat drink shout knock bounce roll fly swim climb crawl fall rise spin rotate slide swing
    step stare
""")
"""Base forms that count as verbs where the sentence lacks another ("a baby lean on a chair")."""
POSTURES: Final = _set("""
    standing sitting lying kneeling squatting crouching leaning walking running jogging sleeping
    smiling laughing crying singing dancing swimming floating hanging waiting talking
""")
"""Participles without an object: a word in -s after them is the verb ("standing watches")."""
GERUND_MODIFIERS: Final = _set("""
    swimming wedding training skiing dancing running riding fishing climbing hiking bathing cooking
    washing sleeping living dining walking diving boxing rowing flying parking sitting bowling
    baking driving surfing skating cycling shopping sewing painting wrestling
""")
"""Words in -ing that name a kind of thing when a noun follows ("a green swimming ring")."""
IRREGULAR_PAST: Final = _set("left saw fell found felt shot put cut hit shut spread lay rose bit")
"""Past forms that a dictionary lists first as something else."""
PLURAL_OF_ONE: Final = _set("""
    binoculars clothes glasses goggles headphones jeans pants pliers pyjamas scissors shorts
    sunglasses tights tongs trousers
""")
"""Plural words for one thing."""
MANY: Final = _set("all both few many numerous several some various")
"""What says of how many, without a number."""
IRREGULAR_THIRD: Final = {"be": "is", "are": "is", "have": "has", "do": "does", "go": "goes"}
SEEKING: Final = _set("find locate track show detect segment ground highlight localize spot")
"""Commands users put in front of a description ("find the man in red")."""

REPAIRABLE: Final = """
    the another with and red orange yellow green blue purple pink black white gray brown silver
    golden wearing holding towards behind beneath above front clothes shirt helmet pants dress
    woman women female male adult child baby
"""
"""Words worth recognising through a typing error, because the split hangs on them."""

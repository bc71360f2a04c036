#!/usr/bin/env python3
"""Write the shipped word lists anew: `python scripts/make_wordlists.py [FOLDER]`. The same lists come out every time.

Every word below was written down for this project. No list of anybody else's was read.
"""

import sys
from itertools import product
from pathlib import Path

HERE = Path(__file__).parent.parent / "wordlists"
ZONE = "lab.test"  # the lab's own zone: nobody outside is ever asked
DEMO_COUNT = 2000

FIRST = """amber apple arrow autumn birch blue bold brass bread bright candle cedar chalk clay clear cloud cobalt
copper coral cotton crisp dawn deep delta early ember fern field flint fog forest frost gentle glass golden grain
granite green harbor hazel hill honey indigo iron ivory jade juniper lake lemon linen little maple marble meadow
mint misty moss narrow noble north oak ocean olive open orange paper pearl pepper pine plain quartz quick quiet rain
red reed river rose rust salt sand scarlet silent silver slate small snow soft south spring stone summer sunny tall
thistle timber velvet violet warm west white wide wild willow winter yellow""".split()

SECOND = """anchor atlas bakery barn basket bay beacon bell bench bicycle boat book bridge brook camp canal castle
cellar chapel chart circle clock coach compass corner cottage court cove crane creek desk dock door drum farm ferry
fiddle forge fountain garage garden gate guild hall hammer hive house inn island kettle key kitchen ladder lamp
lantern lens library lodge loft loom market mill mirror mountain museum needle nest orchard oven parcel path pencil
pier pilot plaza pond press quarry raft rail ridge road roof room saddle sail school shed ship shop signal spoon
stable station store street studio table tower trail train valley village wagon watch well wharf wheel window wing
workshop yard""".split()

TROUBLE = """nxdomain servfail refused nodata delay-30 drop close reset wrongid late""".split()
IDNA = ["münchen", "faß", "blåbær", "żółw", "приклад", "例え"]

# nature, animals, things, food, work, deeds, qualities, small words, numbers, places
WORDS = f"""{" ".join(FIRST)} {" ".join(SECOND)}

acorn agate air alder algae alp amber anemone antler apple apricot arbor arch ash aspen aster atoll aurora autumn
azure bamboo bark basil bay bayou beach beam beech berry birch blaze bloom blossom bluff bog boulder bower brae
bramble branch breeze briar brine brook brush bud bush cactus canopy canyon cape cascade cave cavern cedar chalk
cherry chestnut cinder clay clearing cliff cloud clover coal coast cobalt comet coral cork cove crag crater creek
crest crystal current cyan cypress daisy dale dawn daylight deep delta den desert dew diamond dune dusk dust earth ebb
echo eclipse eddy elder elm ember emerald equinox estuary evening fall feather fen fern field fir fire fjord flame
flint flood flora flower foam fog foliage ford forest fossil fountain frost fruit galaxy gale garden garnet geyser
glacier glade glen glow gold gorge granite grass gravel grove gulf gully gust hail harvest haven hawthorn hay haze
hazel heath heather hedge herb hill hollow holly horizon ice iris iron island islet ivory ivy jade jasmine jasper
jungle juniper kelp knoll lagoon lake land larch lark laurel lava lavender lawn leaf ledge lichen light lightning
lilac lily lime linden loam lotus lowland lunar lupin lush magma magnolia maple marble marsh meadow mesa meteor
midnight mimosa mineral mint mire mist monsoon moon moor morning moss mountain mud myrtle nebula nectar nettle night
nimbus noon nova oak oasis ocean olive onyx opal orbit orchard orchid ore palm pampas papaya park pasture peak pearl
peat pebble peony petal pine pinnacle plain planet plateau pluto polar pollen pond poplar poppy prairie puddle quarry
quartz quince rain rainbow rapid ravine reed reef ridge rime ripple river rock root rose rosemary rowan ruby rush
sable saffron sage sand sapling sapphire savanna sea season sedge seed shade shadow shell shoal shore shower shrub
sierra silt silver sky slate sleet slope snow soil solar sorrel spark spring sprout spruce spur star steam steppe
stone storm strait strand stream summer summit sun sunrise sunset surf swamp sycamore terra thaw thicket thistle thorn
thunder thyme tide timber topaz torrent trail tree tropic tulip tundra twig twilight umbra upland vale valley vapor
verdant vine violet volcano water wave weather wheat willow wind winter wisp wold wood yarrow yew zenith zephyr zinnia

albatross ant antelope badger bat bear beaver bee beetle bison bobcat buck bull bunny camel canary carp cat cheetah
chick cicada cobra cod colt condor coot cougar cow coyote crab crane cricket crow cub deer dingo dog dolphin dove
dragon duck eagle eel egret elk emu falcon fawn ferret finch firefly fish flamingo foal fox frog gazelle gecko gibbon
goat goose gopher grouse gull hamster hare hawk hen heron herring hippo hornet horse hound ibex ibis iguana impala
jackal jaguar jay kestrel kitten kiwi koala koi lamb lemur leopard lion lizard llama lobster loon lynx macaw magpie
mammoth manta marlin marmot marten martin mink minnow mole mongoose moose moth mouse mule newt ocelot octopus orca
oriole osprey ostrich otter owl ox oyster panda panther parrot pelican penguin perch pheasant pigeon pike plover pony
possum prawn puffin puma pup python quail rabbit raccoon ram raven ray rhino robin rook rooster salmon seal shark
sheep shrew shrimp skylark sloth snail sparrow spider squid stag stallion starling stork swallow swan swift tapir teal
tern tiger toad toucan trout tuna turtle viper vixen vole walrus wasp weasel whale wolf wombat woodcock wren yak zebra

adobe aisle alcove anvil apron arcade armchair attic awning bag balcony ball banner barn barrel basin basket bath
beacon bead bed bell belt bench blanket block board boat bobbin bolt bonnet book boot bottle bow bowl box bracket
brick bridge broom bucket buckle bulb bunk button cabin cabinet cable cafe cage camp can candle cane canoe canvas cap
card cargo cart case cask castle cellar chain chair chalet chamber chapel chart chest chime chip church circuit city
clamp clasp cloak clock closet cloth coach coat coil coin collar comb compass cord corner cot cottage couch court
cradle crate crib crown cube cup curb curtain cushion dagger deck desk dial dice dish dock dome door drawer dress
drill drum easel engine fan farm faucet fence ferry fiddle file flag flask fleece flute fork fort frame fridge furnace
fuse gable gadget garage gate gauge gear gem ghost gift glass globe glove goblet gong grate grid grill grip guitar
gutter hall hammer hammock handle hangar harbor harness harp hat hatch hearth helm helmet hinge hive home hood hook
hoop horn hotel house hull hut icon inn jacket jar jewel jug kayak keel keg kettle key kiln kiosk kite knapsack knob
knot lace ladder lamp lane lantern lasso latch lathe lattice lease ledger lens lever library lift linen lock locker
locket lodge loft loom loop magnet mailbox mall mansion mantle map market mask mast mat mattress medal mill mirror
mitten mold monitor mop mosaic motor mug museum nail napkin necklace needle nest net nook notebook nozzle oar organ
ornament oven packet pad paddle padlock pail paint palace palette pan panel paper parasol parcel parlor patch path
patio pavilion pedal pen pencil pennant piano pier pillar pillow pilot pin pipe pitcher plank plate plaza plow plug
pocket pole porch port portal post pot pouch press prism propeller pulley pump puppet purse puzzle quarter quay quill
quilt rack radar radio raft rail rake ramp reel ribbon ring rivet road robe rocket rod roller roof room rope rotor
rover rudder rug ruler sack saddle safe sail satchel saucer scale scarf school scissors scooter scope screen screw
scroll sculpture shaft shed shelf shelter shield shingle ship shirt shoe shop shovel shrine shuttle sieve signal silk
sink skate skiff sled sleeve sling slipper sofa spade spindle spire spool spoon spout square stable stadium staff
stage stair stall stamp station statue steeple stitch stool store stove strap street string studio suite swing switch
sword table tablet tack tag tank tape tapestry tavern temple tent terrace theater thimble thread throne ticket tile
tin tool torch tower town toy tractor train tram tray trellis trolley trophy trumpet trunk tub tube tunic tunnel
turbine turret umbrella urn vase vault veil velvet veranda vessel vest villa village violin wagon wall wallet wand
wardrobe warehouse watch web wedge well wharf wheel whistle window wing wire workshop yacht yard yarn zipper

almond anise bacon bagel bakery banana barley bean beef beet bento biscuit bistro brandy bread brew broth brunch bun
burger butter cacao cake candy caper caramel carrot cashew celery cereal cheese chef chili chive chowder cider
cinnamon clove cocoa coconut coffee cookie corn cracker cream crepe crisp crouton crumb crust cumin curry custard date
diner dinner dough dumpling egg espresso fig flour fondue fudge ginger grain granola grape gravy guava gumbo ham honey
hops jam jelly juice kale kitchen latte leek lemon lentil lettuce lunch lychee malt mango margarine meal melon menu
milk millet mocha muffin mushroom mustard noodle nougat nut nutmeg oat omelet onion orange pancake pantry parsley
pasta pastry peach peanut pear pecan pepper pesto pickle pie pizza plum popcorn porridge potato pretzel pudding
pumpkin radish raisin ramen raspberry recipe relish rice risotto roast roll rum rye salad salsa salt sandwich sauce
sausage scone sesame sherbet snack soda sorbet soup soy spice spinach squash steak stew sugar sundae supper sushi
syrup taco tart tea toast toffee tofu tomato treat truffle turnip vanilla vegan vinegar waffle walnut whey wine yam
yeast yogurt zest

account acre action agency agenda agent alarm album alley alpha anchor angle answer archive arena army arrow art
article asset atlas atom author award axis badge balance ballot band bank banker bargain barter base basic batch
battery beat benefit beta bid bill binary bit blend blog bond bonus boss brain brand budget buffer bug build builder
bulletin bundle bureau business buyer byte cache cadence calendar call camera campus capital captain care career
carrier cash catalog cell center central century chance change channel chapter charge charter chat check chief choice
cipher circle claim class claw clerk click client climate clinic club clue cluster code column combo command commerce
common company concept concert console contact content contest contract copy core council counter country county
courier course craft creator credit crew crowd culture curve custom cycle data dealer debate debit decade degree
deposit design detail device diary digit direct disk doctor domain draft drive driver duet duty edge edition editor
effect effort element empire energy entry epoch equal equity era error essay estate event exam example exchange expert
export fabric face fact factor factory faculty family fashion feature fee feed festival fiber figure film filter
finance firm fiscal fleet flight floor flow focus folder folio font force forge form format formula forum founder
fraction freight friend front fuel fund future galleria gallery game genius genre gig goal grade grammar grant graph
group growth guard guest guide guild habit half handy harmony head health heart help hero history hobby holiday honor
host hour human humor idea image impact import impulse inbox income index industry info input insight instinct invoice
issue item jet job jockey journal journey judge junction jury kernel kid kin king kingdom kit knight label labor lap
laser launch law lawyer lead leader league lecture legacy legend lender lesson letter level liberty license life limit
line link list loan lobby local logic logo luck lyric machine magic magnate mail major maker manager manual margin
marker mason master match matrix matter maven mayor media medic medley melody member memo memory mentor merchant merge
merit message metal meter method metric mind minister minute mission mode model modern module moment money month mood
motion motto movie muse music mystery name nation network news nexus niche node noise norm note notion novel number
object offer office onset opera option oracle order origin output owner pace pack page pair panorama parade parent
partner party pass patent patrol pattern pause pay peace peer people period permit person phase phone photo phrase
pick piece pioneer pitch pivot pixel place plan plant platform play player plot poem poet point policy poll pool
portfolio position power practice premium present price pride prime prince print prize process product profile profit
program project promise proof proper proposal prospect protocol public pulse purpose quality quest question queue
quota quote race radius rally random range ranger rank rate ratio reach reader realm reason rebel record refund region
register relay release remedy rent report rescue reserve resource result retail return revenue review reward rhyme
rhythm rider right rival role romance round route router routine row royal rule safety salary sale salon sample scene
schema scheme scholar science score scout scribe script search seat second secret sector secure select seller senate
sense sequel series servant server service session set shape share shift show side sign simple site size sketch skill
slice slide slot smith social society sonar song sonic sonnet sort sound source space span speaker speech speed sphere
spirit sponsor sport spot staple start startup state status step stock story strategy strike stripe student style
subject success sum supply support surge survey symbol symphony syntax system tactic tailor talent talk target task
tax teacher team tech tempo tenant term test text theme theory thing think ticker tier time title token tone topic
total touch tour track trade trader tradition transit travel treasury trend trial tribe trick trio trip trust truth
tune tutor type union unit universe update user value vector vendor venture verse version vibe victory video view
vision visit visitor voice volt volume vote voucher voyage wage walk warrant wealth wedding week weight welcome wiki
winner wisdom wish witness wizard wonder word work worker world worth writer year youth zone

accept act adapt add adjust admire adopt advance advise agree aim allow amaze apply arrive ask aspire assist attend
attract bake become begin belong bike bind bless blow boast boost borrow bounce bring broadcast browse buy calm carry
carve cast catch chase cheer chew choose climb collect combine come compare compose connect consult cook count cover
create cross cure cut dance dare dash decide deliver depart desire dig dine discover dive divide donate dream drift
drink drop earn eat elevate embark emerge employ enable engage enjoy ensure enter equip escape evolve excel expand
explore express fasten feel fetch fill find finish fit fix flash flip float fly fold follow forget forgive gain gallop
gather gaze get give glance gleam glide glitter go grab grasp greet grind grow guess hang happen heal hear hike hint
hire hold hop hope hug hum hurry ignite imagine improve include inspire install invent invest invite jog join joke
juggle jump keep kick kindle kiss knit knock know laugh leap learn leave lend let listen live load look love make
march marry measure meet mend mingle mix move multiply need nod notice nudge nurture obey observe obtain open operate
perform pinpoint plunge polish ponder pour praise pray prefer prepare preserve prevail produce promote propel protect
prove pull pursue push raise read reap receive refine reflect refresh relax remain remember renew repair repeat reply
request resolve respond rest restore retire reveal revive ride rise roam rotate run salute save say scan scatter see
seek seem send serve settle sew shake shine shoot shout sing sip sit skip sleep smile snap soar solve speak spell
spend spin splash split spread sprint stand stay stir stop strive stroll study sway sweep swim take taste teach tell
tend thank thrive throw tickle tie tinker toss trace transform trot try turn twirl twist unfold unite unlock unwind
uplift use vary vow wait wake wander want warm wash wear weave whirl whisper win wink wipe wrap write yawn yield zap
zip zoom

able active actual agile alert alive amazing ample ancient apt arctic astral atomic aware bare big bitter black bland
blue blunt bold brave brief bright brisk broad bronze brown busy candid casual celtic cheap chic chilly civic civil
classic clean clear clever close cold colonial cool copper cosmic cosy cotton cozy crimson cubic curious daily dainty
dark dear deluxe dense digital dizzy dry eager early earnest east eastern easy elastic electric elegant elite epic
eternal ethnic even every exact exotic extra fair faithful famous fancy far fast fearless fertile few fierce final
fine finite first flat fluent fluffy fluid fond formal forward frank free fresh friendly frosty frozen full funny
fuzzy gallant gentle genuine giant giddy gifted glad global glossy golden good graceful grand great green grey happy
hardy hasty hearty heavy hidden high hip holy honest huge humble hybrid icy ideal idle indigo infinite inner instant
intact jazzy jolly jovial joyful jumbo just keen kind large last late lavish lazy lean linear liquid little lively
lofty logical lone long loud lovable lovely low loyal lucid lucky lyrical magenta magnetic maroon mature mellow merry
mighty mild mini minor mobile modest moist mutual mystic naive narrow native natural neat neon neutral new next nice
nimble noble nordic normal north northern numeric odd old only optic optimal outer oval pale pastel patient perfect
perky petite pink playful plush polite popular posh precise premier pretty primal pro prompt proud pure purple quaint
quick quiet quirky radiant rare raw ready real red regal regular remote rich ripe robust rosy rough rural rustic
sacred sandy sane scarlet scenic senior serene shady sharp shiny short shy silent silky silly sincere single sleek
sleepy slim slow small smart smoky smooth snappy snowy snug sober soft solid solo south southern spare special spicy
spry stark steady steel stellar sterling still stoic stout strong sturdy subtle sudden sunny super superb supreme sure
sweet tall tame tan tangy tawny tender thick thin thrifty tidy tight tiny top tough tranquil trendy tribal triple
tropical true trusty twin ultra unique united upbeat upper urban useful usual valiant valid vast velvety vibrant
vintage virtual vital vivid vocal wary wavy wee west western white whole wide wild willing windy wintry wise witty
woolly worthy yellow young zany zealous zen zesty

after again ahead all along also always and any apart around at away back below best beyond both by do down each else
ever for from here his how in into it less many me more most much my near never now of off often on once one or our
out over own past per plus quite she so some soon such that then there they this through till to today together too
toward twice two under until up upon very via we what when where while who why with yes yet you zero

ace billion dozen eight eleven fifth fifty five four fourth hundred million nine ninth seven seventh six sixth sixty
ten tenth third thirty thousand three trillion twelve twenty

acropolis avenue bazaar bohemia boulevard broadway burgh capitol cathedral citadel colony crossing district downtown
frontier gateway hamlet highland highway hilltop homeland hometown lakeside landmark manor midtown midway monument
outback outpost overlook parkway passage pathway promenade ranch resort riverside roadway rotunda seaside shoreline
sideway skyline southside suburb terminal territory uptown vineyard vista westside""".split()

# A choice: those that names are bought under first, then what else is known well. The whole root zone is IANA's.
GENERIC = """com net org info biz name pro mobi io ai co me tv cc app dev xyz online site store shop tech club cloud
blog page space live life world today digital

academy accountants actor adult aero africa agency alsace amsterdam apartments arab archi army art asia associates
attorney auction audio auto band bar barcelona bargains bayern beauty beer berlin best bet bid bike bingo bio black
blue boats boo book boston boutique broker brussels build builders business buzz bzh cab cafe camera camp capetown
capital car cards care career careers cars casa cash casino cat catering center ceo channel charity chat cheap
christmas church city claims cleaning click clinic clothing coach codes coffee college community company computer
condos construction consulting contact contractors cooking cool coop corsica country coupons courses cpa credit
creditcard cricket cruises cymru dance data date dating day deals degree delivery democrat dental dentist design
diamonds diet direct directory discount diy doctor dog domains download durban earth eat eco edu education email
energy engineer engineering enterprises equipment esq estate eus events exchange expert exposed express fail faith
family fan fans farm fashion fast feedback film finance financial fish fishing fit fitness flights florist flowers fly
foo food football forex forsale forum foundation free frl fun fund furniture futbol fyi gal gallery game games garden
gay gent gift gifts gives giving glass global gmbh gold golf gov graphics gratis green gripe group guide guitars guru
hair hamburg haus health healthcare help helsinki here hiphop hockey holdings holiday homes horse hospital host
hosting hot house how immo immobilien inc industries ing ink institute insurance insure int international investments
irish istanbul jetzt jewelry jobs joburg juegos kaufen kids kim kitchen kiwi koeln kyoto land lat law lawyer lease
legal lgbt lifestyle lighting limited limo link loan loans lol london lotto love ltd ltda luxe luxury madrid maison
makeup management map market marketing markets mba med media melbourne meme memorial men menu miami mil mobile moda
moe moi mom money monster mortgage motorcycles mov movie museum music nagoya navy network new news nexus ngo ninja nrw
nyc observer okinawa one ong onl ooo organic osaka paris partners parts party pet phd photo photography photos physio
pics pictures pink pizza place plumbing plus poker post press prod productions prof promo properties property
protection pub quebec quest racing realestate realtor realty recipes red rehab reise reisen rent rentals repair report
republican rest restaurant review reviews rich rio rip rocks rodeo rsvp rugby ruhr run saarland sale salon save school
schule science scot secure security select services sexy shiksha shoes shopping show singles ski skin soccer social
software solar solutions soy spa spot srl stockholm storage stream studio study style sucks supplies supply support
surf surgery swiss sydney systems taipei talk tatar tattoo tax taxi team technology tel tennis theater theatre tickets
tienda tips tires tirol tokyo tools top tours town toys trade trading training travel tube university uno vacations
vegas ventures vet viajes video villas vin vip vision vlaanderen vodka vote voting voto voyage wales watch watches
weather webcam website wedding whoswho wien wiki win wine winners work works wow wtf yachts yoga yokohama zip zone
zuerich""".split()

# the codes of ISO 3166-1 that are in use as domains, and ac, eu, su and uk; io, ai, co, me, tv and cc stand above
COUNTRIES = """ac ad ae af ag al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bm bn bo br bs bt bv bw by bz
ca cd cf cg ch ci ck cl cm cn cr cu cv cw cx cy cz de dj dk dm do dz ec ee eg er es et eu fi fj fk fm fo
fr ga gd ge gf gg gh gi gl gm gn gp gq gr gs gt gu gw gy hk hm hn hr ht hu id ie il im in iq ir is it je
jm jo jp ke kg kh ki km kn kp kr kw ky kz la lb lc li lk lr ls lt lu lv ly ma mc md mg mh mk ml mm mn mo
mp mq mr ms mt mu mv mw mx my mz na nc ne nf ng ni nl no np nr nu nz om pa pe pf pg ph pk pl pm pn pr ps
pt pw py qa re ro rs ru rw sa sb sc sd se sg sh si sj sk sl sm sn so sr ss st su sv sx sy sz tc td tf tg
th tj tk tl tm tn to tr tt tw tz ua ug uk us uy uz va vc ve vg vi vn vu wf ws ye yt za zm zw""".split()

HOSTS = """www mail smtp imap pop mx mx1 mx2 ns ns1 ns2 ns3 dns dns1 dns2 ftp sftp ssh vpn gw gateway router
proxy cache cdn static assets img images media video files download downloads upload api api1 api2 app apps web web1
web2 www1 www2 mobile m admin panel portal login auth sso id accounts my secure shop store cart pay billing blog
news forum wiki docs help support status monitor metrics logs grafana git svn ci build dev test stage staging beta
demo sandbox lab old new backup archive db sql mysql postgres redis ldap ad dc dc1 dc2 exchange webmail autodiscover
autoconfig calendar chat meet conference voip sip pbx print intranet extranet office remote rdp citrix crm erp hr
search maps data stats analytics track ads partner partners clients customer customers edge node1 node2 host host1
host2 server server1 server2 srv srv1 srv2 cloud s3 storage nas ntp time syslog relay out in _dmarc
_domainkey""".split()


def demo() -> list[str]:
    """Plain names, a few that ask for trouble, and some in other scripts."""
    pairs = [f"{first}-{second}.{ZONE}" for first, second in product(FIRST, SECOND)]
    trouble = [f"{label}.{word}.{ZONE}" for label in TROUBLE for word in FIRST[:2]]
    foreign = [f"{word}.{ZONE}" for word in IDNA]
    plain = DEMO_COUNT - len(trouble) - len(foreign)
    step = len(pairs) / plain
    names = [pairs[int(number * step)] for number in range(plain)]
    for number, name in enumerate([*trouble, *foreign]):
        names.insert(40 + number * 60, name)
    return names


def write(folder: Path, file: str, heading: str, lines: list[str]) -> None:
    assert len(set(lines)) == len(lines), f"{file}: a line stands twice"
    text = "\n".join([f"# Made by scripts/make_wordlists.py. {heading}", *lines]) + "\n"
    (folder / file).write_text(text, encoding="utf-8")


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
    write(folder, "demo.txt", "Names for the lab, which meet every trouble.", demo())
    write(folder, "hosts.txt", "Labels that hosts often have.", sorted(set(HOSTS)))
    write(folder, "tlds.txt", "Top-level domains: the usual ones, other generic ones, countries.", GENERIC + COUNTRIES)
    write(folder, "words.txt", "Short English words, for names of one or two of them.", sorted(set(WORDS)))


if __name__ == "__main__":
    main()

"""Other ways to write a name or a street: short forms, spellings by ear, ways into the Latin script. Own lists, of no product's table."""

from __future__ import annotations

import random
from functools import cache

_NICKNAMES = """Alexander:Alex,Xander,Sandy,Alec Alexandra:Alex,Lexi,Sandra,Alexa Abigail:Abby,Abi,Gail Albert:Bert,Albie Alfred:Alf,Alfie
Amelia:Millie,Amy,Mia Anastasia:Ana,Stacey Andrew:Andy,Drew Annabelle:Anna,Belle Anthony:Tony,Ant Archibald:Archie Arthur:Art,Artie
Arabella:Bella,Ara Beatrice:Bea,Trixie Benjamin:Ben,Benji,Benny Bethany:Beth Bradley:Brad Bridget:Bridie Cameron:Cam Caitlin:Cait
Catherine:Cathy,Kate,Katie,Cat Charles:Charlie,Chaz Charlie:Charles Charlotte:Charlie,Lottie,Char Christopher:Chris,Kit Christian:Chris
Daniel:Dan,Danny Danielle:Dani David:Dave,Davey,Davie Dominic:Dom Dorothy:Dot Edward:Ed,Eddie,Ted,Teddy,Ned Eleanor:Ellie,Nell,Nora
Elizabeth:Liz,Lizzie,Beth,Eliza,Betty,Libby Ella:Ellie Emily:Em,Emmie,Millie Emmanuel:Manny,Emma Evelyn:Evie,Eve Ezra:Ez Florence:Flo,Florrie
Francesca:Fran,Frankie,Chess Francis:Frank,Frankie Frederick:Fred,Freddie Gabriel:Gabe,Gabi Gabriella:Gabby,Ella George:Georgie
Georgia:Georgie,George Georgina:Georgie,Gina Gregory:Greg Grace:Gracie Harrison:Harry Harriet:Hattie Hannah:Han Henry:Harry,Hal Isaac:Zac,Ike
Imogen:Immy Isabella:Bella,Izzy,Isa Isabelle:Izzy,Belle Isabel:Izzy Jack:John Jacob:Jake,Coby Jakub:Kuba,Jake James:Jim,Jamie,Jimmy,Jay
Jasmine:Jas,Jaz Jennifer:Jen,Jenny Jessica:Jess,Jessie John:Jack,Johnny,Jon Jonathan:Jon,Jonny Joseph:Joe,Joey Josephine:Josie,Jo Joshua:Josh
Katherine:Kate,Katie,Kathy,Kat Kathryn:Kate,Kath Kenneth:Ken,Kenny Laura:Laurie Lawrence:Larry,Laurie Leonard:Leo,Len Lewis:Lew Lillian:Lily
Louise:Lou Louis:Lou,Louie Lucas:Luke,Luca Lucy:Lu Madeleine:Maddie Maddison:Maddie Madison:Maddie Margaret:Maggie,Meg,Peggy Martha:Marty
Matilda:Tilly,Mattie Matthew:Matt,Matty Maximilian:Max Megan:Meg,Meggie Melissa:Mel,Lissa Michael:Mike,Mick,Mikey Michelle:Shell
Mohammed:Mo,Md Muhammad:Mo,Md Mohammad:Mo Mohamed:Mo Molly:Mol Natalie:Nat,Tally Nathaniel:Nathan,Nat,Nate Nathan:Nate Nicholas:Nick,Nicky
Nicole:Nikki,Nic Oliver:Ollie,Ol Olivia:Liv,Livvy,Ollie Patrick:Paddy,Pat Penelope:Penny,Nell Peter:Pete Philip:Phil Phillip:Phil
Rebecca:Becky,Becca,Bex Reginald:Reggie Richard:Rich,Rick,Ricky,Dick Robert:Rob,Bob,Bobby,Robbie Ronald:Ron,Ronnie Rory:Ror Rosie:Rose
Samantha:Sam,Sammy Samuel:Sam,Sammy Sarah:Sadie,Sally Scarlett:Scar Sebastian:Seb,Bastian Simon:Si Sophia:Sophie,Soph Sophie:Soph
Stanley:Stan Stephen:Steve,Ste Steven:Steve Suleiman:Sully Susan:Sue,Susie Teresa:Tess,Terry Thomas:Tom,Tommy Theodore:Theo,Ted,Teddy
Theresa:Tess Timothy:Tim Toby:Tobias Victoria:Vicky,Tori,Vic Vincent:Vince,Vinnie William:Will,Bill,Billy,Liam,Wills Zachary:Zac,Zach
Aleksander:Alek,Olek Aleksandra:Ola Antoni:Antek Zuzanna:Zuzia,Zuza Małgorzata:Gosia,Gosha Katarzyna:Kasia Wojciech:Wojtek Krzysztof:Krzys
Alexandru:Alex Ștefan:Fane Ionuț:Ion Khadija:Khadi Fatima:Fati Ibrahim:Ibby Abdullah:Abdul Abdulrahman:Abdul Zakariya:Zak Yusuf:Yus
Oluwaseun:Seun Temitope:Temi Oluwatobi:Tobi Chidinma:Chidi Adeyemi:Yemi Babatunde:Tunde Folasade:Sade Ruaridh:Rory Catriona:Cat,Trina
Rhiannon:Rhi Angharad:Haz Gruffydd:Gruff Gwenllian:Gwen Tomos:Tom Harri:Harry Bethan:Beth Siobhán:Shiv Aoife:Eef Donnacha:Don"""
_BY_EAR = """Catherine Katherine Kathryn Catharine|Seán Sean Shaun Shawn|Niamh Neve Neave Nieve|Siobhán Siobhan Shevaun|Caitlin Kaitlyn Katelyn
Kaitlin|Zoe Zoë Zoey|Sara Sarah|Hannah Hanna|Stephen Steven|Philip Phillip|Jon John|Matthew Mathew|Aidan Aiden Aidan Aedan|Connor Conor Konnor|Callum
Calum Kallum|Rhys Reece Rees Reese|Isobel Isabel Isabelle Isabell|Sophie Sofie Sofy|Sophia Sofia|Lily Lilly Lilley|Layla Leila Laila Leyla|Mya Maya
Maia|Jayden Jaiden Jaydon Jaden|Kayden Caden Kaiden|Finlay Finley Finlae|Elliot Elliott Eliot|Louis Lewis Luis|Geoffrey Jeffrey|Megan Meghan Meagan
|Alisha Alicia Alesha|Amy Aimee Amie|Phoebe Pheobe Phebe|Leigh Lee Lea|Teddy Teddie|Ellie Elly Elli|Evie Evy Eevie|Rory Rori Ruairi Ruaridh Ruairí|Eilidh
Ailidh Eiley Aylee|Caoimhe Keeva Kweeva|Aoife Eefa Eefah|Saoirse Searsha Sersha|Ciara Keira Kiera Kira|Kian Cian Keean|Darcie Darcey Darcy|Esme Esmee
Esmé|Isla Ila Eila Ayla|Eva Ava|Maisie Maisy Mazie|Millie Milly|Poppy Poppie|Rosie Rosy|Tilly Tillie|Molly Mollie|Abbie Abby Abi|Jake Jaik|Jamie Jaimie
|Zac Zach Zack Zak|Zachary Zackary Zachery|Tyler Tylor Tyla|Riley Reilly Ryley|Kai Ky Kye|Jaxon Jackson Jaxson|Mason Mayson|Harvey Harvie|Charlie
Charley Charly|Bobby Bobbie|Freddie Freddy|Alfie Alfy|Ollie Olly|Frankie Franky|Georgia Jorja|Chloe Chloë Khloe Cloe|Nicole Nichole|Natalie Nathalie
|Rachel Rachael|Rebecca Rebekah Rebeca|Lauren Lauryn Loren|Erin Eryn Aaron|Robyn Robin|Skye Sky|Keira Kiera|Lexi Lexie Lexy|Summer Somer|Heidi Hidie
|Brandon Brendan|Cameron Kameron|Dylan Dillon Dillan|Tobi Toby|Toni Tony|Marc Mark|Eric Erik|Nicholas Nicolas|Antony Anthony|Frederick Fredrick|Owen
Owain Eoin|Evan Ieuan|Euan Ewan Ewen|Carys Cerys|Lowri Lowrie|Sian Siân Shan|Catrin Katrin|Iestyn Yestin|Smith Smyth Smythe|Clark Clarke|Brown Browne
|Thomson Thompson Tomson|Stewart Stuart|Reid Reed Read|Johnston Johnstone Johnson|Davies Davis|Philips Phillips|Allan Allen Alan|Gray Grey|Mackenzie
McKenzie MacKenzie|MacDonald McDonald|McLean MacLean McClean|Paterson Patterson|Green Greene|White Whyte|Taylor Tailor Tayler|Wood Woods|Moore More
Moor|Kelly Kelley|Murphy Murphey|Doherty Docherty Dogherty|Reilly Riley|Byrne Byrnes Burn|Burns Byrnes|Rees Reese Reece|Harris Harries|Griffith
Griffiths|Price Pryce|Lloyd Loyd|Bailey Bayley Baillie|Cook Cooke|Lee Leigh|Hughes Hughs|Phillips Philips|Shaw Shore|Ward Warde|Carter Karter|Sinclair
St Clair|Cunningham Cuningham|Gallagher Gallacher|Connolly Connelly|Donnelly Donelly|Rowland Roland|Nicholson Nicolson|Robertson Robinson|Ferguson
Fergusson|Simpson Simson|Pearson Pierson|Parsons Persons|Steel Steele|Hart Harte|Barnes Barns|Humphreys Humphries|Matthews Mathews|Neil Neal Neill"""
_SCRIPTS = """Mohammed Muhammad Mohamed Mohammad Muhammed Mohamad Mohamud|Ahmed Ahmad Ahmet Ahmedd|Hussain Hussein Husain Hossain Husayn|Yusuf Yousef
Yousuf Youssef Yusef|Ibrahim Ebrahim Ibraheem|Fatima Fatema Fatimah Fathima|Aisha Ayesha Aysha Aishah Ayşe|Zainab Zaynab Zeinab Zeynep|Khadija Khadijah
Khadeeja|Mariam Maryam Meryem Mariyam|Omar Umar Omer Ömer|Usman Osman Uthman Othman|Ali Aly Alee|Abdullah Abdallah Abdulla|Hassan Hasan Hassaan|Hamza
Hamzah|Bilal Belal|Ismail Ismael Esmail|Sulaiman Suleiman Suleman Sulayman|Musa Mousa Moosa|Isa Eesa Essa Issa|Yahya Yahia|Zakariya Zakaria Zakariyya
Zakarya|Idris Idrees|Mustafa Mostafa Moustafa|Khalid Khaled|Tariq Tarek Tareq|Haris Harris Hares|Rayyan Rayan Raian|Ayaan Ayan|Zayn Zain Zane|Noor Nur
Nour|Safiya Safia Safiyah|Sumayyah Sumaya Sumaiya|Aaliyah Aliyah Aliya|Amina Aminah Ameena|Yasmin Yasmeen Jasmin|Layla Leila Laila Leyla|Iqra Ikra
|Haleema Halima Halimah|Ruqayyah Ruqaya Rukaya|Dawud Dawood Daud|Jibril Jibreel Gibril|Haroon Harun|Yunus Younis Yunis|Chowdhury Choudhury Chaudhry
Choudhary Chaudhary|Sheikh Shaikh Shaykh|Qureshi Quraishi Kureshi|Begum Begam|Rehman Rahman Rahmaan|Siddiqui Siddiqi Siddique|Mahmood Mahmoud Mehmood
|Iqbal Eqbal|Akhtar Akhter Aktar|Uddin Udin Ud-Din|Miah Mia Miya|Islam Eslam|Aziz Azeez|Yousaf Yusuf|Javed Javaid Jawed|Abdi Abdie|Warsame Warsama
|Farah Faarah|Nasser Nasir|Saleh Salih|Said Saeed|Abdulrahman Abdirahman Abdul-Rahman|Khan Kahn|Hosseini Husseini|Rashid Rasheed Rachid|Mohamud Mahamud
|Mukherjee Mukherji|Agarwal Aggarwal Agrawal|Patel Patell|Sharma Sarma|Joshi Joshy|Singh Sing Singhe|Kaur Kour|Jasleen Jaslin|Harpreet Harprit|Aarav Arav
|Anaya Anaiya|Diya Dia|Oleksandr Aleksandr Alexander|Sofia Zofia Sofiia Sophia|Jakub Jacob Yakub|Aleksander Alexander|Wiktoria Victoria Viktoria|Michał
Michael Mikhal|Łukasz Lukas Lucas|Zuzanna Susanna Zuzana|Julia Yulia|Krzysztof Christopher|Katarzyna Katherine|Ștefan Stefan Stephen|Alexandru
Alexander|Ioana Joanna|Mihai Michael|Andrei Andrew Andrey|Popescu Popesku|Emir Amir|Mehmet Mohammed|Elif Aleef|Owusu Owuso|Mensah Mensa|Okafor Okafo"""
_EARS = (("ph", "f"), ("ck", "k"), ("ie", "y"), ("ei", "ie"), ("ai", "ay"), ("ea", "ee"), ("ou", "u"), ("th", "t"), ("c", "k"), ("y", "i"), ("s", "z"), ("wh", "w"))  # fmt: skip
_LATIN = (("ee", "i"), ("oo", "u"), ("kh", "k"), ("q", "k"), ("w", "v"), ("sz", "sh"), ("cz", "ch"), ("aa", "a"), ("y", "i"), ("j", "y"), ("dh", "d"))  # fmt: skip
_STREETS = {"Street": ("St", "St."), "Road": ("Rd", "Rd."), "Avenue": ("Ave", "Av"), "Close": ("Cl",), "Lane": ("Ln", "La"), "Drive": ("Dr",), "Crescent": ("Cres", "Cr"), "Terrace": ("Terr", "Tce"), "Gardens": ("Gdns",), "Court": ("Ct",), "Place": ("Pl",), "Grove": ("Gr", "Grv"), "Way": ("Wy",)}  # fmt: skip


@cache
def _short() -> dict[str, tuple[str, ...]]:
    pairs = (entry.split(":") for entry in _NICKNAMES.split())
    return {name: tuple(forms.split(",")) for name, forms in pairs}


@cache
def _groups(text: str) -> dict[str, tuple[str, ...]]:
    groups = [group.split() for group in text.split("|")]
    return {name: tuple(other for other in group if other != name) for group in groups for name in group}


def nickname(name: str, dice: random.Random) -> str | None:
    """A short form, or now and then the long one of a short."""
    if name in _short():
        return dice.choice(_short()[name])
    long = [full for full, forms in _short().items() if name in forms]
    return dice.choice(long) if long else None


def respelt(name: str, dice: random.Random) -> str | None:
    """As somebody would write it who has only heard it."""
    known = _groups(_BY_EAR).get(name)
    return dice.choice(known) if known and dice.random() < 0.8 else _by_rule(name, _EARS, dice)


def transliterated(name: str, dice: random.Random) -> str | None:
    """Another way from the other script or language; by rule for names that bear no listed one but look it."""
    known = _groups(_SCRIPTS).get(name)
    if known:
        return dice.choice(known)
    return _by_rule(name, _LATIN, dice) if any(mark in name.lower() for mark in ("aa", "kh", "oo", "q", "sz", "cz", "dh")) else None


def _by_rule(name: str, rules: tuple[tuple[str, str], ...], dice: random.Random) -> str | None:
    low = name.lower()
    fit = [rule for rule in rules if rule[0] in low[1:]]
    if not fit:
        doubled = [at for at in range(1, len(low)) if low[at] == low[at - 1]]
        return low[: doubled[0]].capitalize() + low[doubled[0] + 1 :] if doubled else None
    old, new = dice.choice(fit)
    return (low[0] + low[1:].replace(old, new, 1)).capitalize()


def abbreviated(line: str, dice: random.Random) -> str | None:
    """A street's kind shortened, or a flat written otherwise."""
    flat, _, rest = line.partition(", ")
    if rest and flat.startswith("Flat ") and dice.random() < 0.6:
        number, (house, _, street) = flat[5:], rest.partition(" ")
        return dice.choice(
            (f"{house}/{number} {street}", f"{number}/{house} {street}", f"{rest} Flat {number}", f"Apt {number}, {rest}", rest)
        )
    name, _, kind = line.rpartition(" ")
    return f"{name} {dice.choice(_STREETS[kind])}" if kind in _STREETS else None

//! Words that invented people, schools and streets are made of.

pub(super) const FIRST: [&str; 72] = [
    "Ada", "Adrian", "Amelia", "Andre", "Anika", "Arthur", "Beatrice", "Benjamin", "Bianca", "Caleb", "Carmen", "Cecilia",
    "Chloe", "Daniel", "Daria", "Dominic", "Elena", "Elias", "Emil", "Esther", "Felix", "Fiona", "Gabriel", "Grace",
    "Hannah", "Hector", "Helena", "Hugo", "Ida", "Imani", "Irene", "Isaac", "Jasper", "Joanna", "Jonas", "Julia",
    "Kamal", "Karim", "Kira", "Laura", "Leah", "Leo", "Lucia", "Malik", "Marcus", "Maya", "Mina", "Nadia",
    "Nathan", "Nina", "Noah", "Olga", "Oscar", "Owen", "Paula", "Petra", "Quentin", "Ravi", "Rosa", "Ruben",
    "Samir", "Sara", "Selma", "Simon", "Sofia", "Theo", "Tobias", "Uma", "Vera", "Victor", "Yara", "Zoe",
];

pub(super) const LAST: [&str; 90] = [
    "Abbott", "Adeyemi", "Alvarez", "Archer", "Bahr", "Bakshi", "Barlow", "Becker", "Bell", "Bianchi", "Birch", "Brandt",
    "Calloway", "Castillo", "Chandra", "Cole", "Cortez", "Dalton", "Delgado", "Dressler", "Duval", "Eklund", "Ellery",
    "Engel", "Farrow", "Ferreira", "Fielding", "Fontaine", "Garrick", "Gomes", "Granger", "Gupta", "Haddad", "Hale",
    "Hartwell", "Hirano", "Holm", "Iverson", "Jansen", "Jarvis", "Kaminski", "Keller", "Kimura", "Kowalski", "Lang",
    "Larkin", "Lindgren", "Lowell", "Maddox", "Marchetti", "Mercer", "Mistry", "Molina", "Moreau", "Nair", "Navarro",
    "Nolan", "Norwood", "Oakley", "Okafor", "Olsen", "Ortega", "Pappas", "Park", "Pereira", "Prescott", "Quigley",
    "Ramsey", "Reyes", "Rhodes", "Rossi", "Sadler", "Salazar", "Santos", "Schiller", "Shaw", "Silva", "Sloan", "Tanaka",
    "Tate", "Thorne", "Torres", "Underhill", "Vance", "Vogel", "Wallace", "Whitaker", "Winslow", "Yilmaz", "Zeller",
];

pub(super) const PLACES: [&str; 10] = [
    "Cedar Hill", "Eastbrook", "Fairview", "Glen Park", "Lakeside", "Maple Grove", "Northgate", "Oak Ridge", "Riverside",
    "Westfield",
];

pub(super) const BUSINESSES: [&str; 4] =
    ["Elementary School", "Middle School Band", "Community Church", "Youth Orchestra"];

pub(super) const STREETS: [&str; 12] = [
    "Ash Street", "Birch Lane", "Canal Street", "Dover Avenue", "Elm Street", "Forest Road", "Grand Avenue", "Harbor Drive",
    "Juniper Court", "Lake Street", "Meadow Lane", "Orchard Road",
];

/// Cities and their postal codes.
pub(super) const CITIES: [(&str, &str); 5] = [
    ("Chicago", "60614"), ("Evanston", "60201"), ("Oak Park", "60302"), ("Naperville", "60540"), ("Skokie", "60076"),
];

pub(super) const NOTES: [&str; 6] = [
    "Prefers a call in the evening.",
    "Asks for the receipt by e-mail.",
    "Two violins on loan last year, both came back in good order.",
    "Pays by cheque.",
    "Picks up on Saturdays only.",
    "Wants to hear about summer courses.",
];

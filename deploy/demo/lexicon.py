"""The words that spanish.py makes its sentences of, written for this project; none is of anthropology. Each list is a
text with one entry a line, or with | between entries."""


def rows(text):
    return [line.split("|") for line in text.strip().splitlines()]


# name with article | class | what it is for or does (infinitive) | where it is met | a trait (a whole predicate)
THINGS = """
el martillo|una herramienta|clavar clavos y dar forma al metal|el taller|tiene una cabeza pesada y un mango de madera
la sierra|una herramienta|cortar madera|la carpintería|tiene una hoja con dientes afilados
el destornillador|una herramienta|apretar o aflojar tornillos|la caja de herramientas|termina en una punta plana o en cruz
la aguja|un instrumento pequeño|coser tela con hilo|el costurero|es fina, alargada y de metal
la tijera|un instrumento|cortar papel o tela|la mesa de trabajo|une dos hojas que giran sobre un eje
el reloj|un aparato|medir el tiempo|la pared o la muñeca|divide el día en horas, minutos y segundos
el termómetro|un instrumento|medir la temperatura|el botiquín|marca los grados en una escala
la balanza|un instrumento|comparar el peso de los objetos|el mercado|tiene dos platos que suben y bajan
la brújula|un instrumento|orientarse en el camino|la mochila del viajero|tiene una aguja que señala el norte
el telescopio|un aparato óptico|observar los astros lejanos|el observatorio|usa lentes o espejos para reunir la luz
el microscopio|un aparato óptico|observar cuerpos muy pequeños|el laboratorio|aumenta la imagen muchas veces
la lámpara|un objeto|iluminar una habitación|el escritorio|transforma la electricidad en luz
el espejo|un objeto|reflejar la imagen de las cosas|el cuarto de baño|tiene una superficie lisa y brillante
la mesa|un mueble|comer, escribir o trabajar|el comedor|tiene un tablero horizontal sostenido por patas
la silla|un mueble|sentarse|la cocina|tiene respaldo y cuatro patas
el armario|un mueble|guardar ropa|el dormitorio|tiene puertas, cajones y perchas
la estantería|un mueble|ordenar libros|la biblioteca|está formada por tablas horizontales
la olla|un recipiente|cocinar alimentos con agua|la cocina|soporta bien el calor del fuego
la sartén|un recipiente|freír alimentos|la cocina|es plana y tiene un mango largo
el cuchillo|un utensilio|cortar alimentos|el cajón de los cubiertos|tiene una hoja de metal y un mango
la botella|un recipiente|guardar líquidos|la despensa|tiene un cuello estrecho
la cesta|un recipiente|llevar frutas y verduras|el mercado|está tejida con fibras vegetales
la escalera|una construcción|subir y bajar entre dos niveles|la casa|está formada por peldaños
el puente|una construcción|cruzar un río o un valle|el camino|une dos orillas separadas
el faro|una torre|guiar a los barcos durante la noche|la costa|emite una luz que gira
el molino|una máquina|moler el grano|la orilla del río|aprovecha la fuerza del agua o del viento
la bicicleta|un vehículo|desplazarse con la fuerza de las piernas|la calle|tiene dos ruedas y unos pedales
el tren|un medio de transporte|llevar personas y mercancías|la estación|circula sobre carriles de acero
el barco|un medio de transporte|navegar por el agua|el puerto|flota porque desplaza mucha agua
el avión|un medio de transporte|volar a lugares lejanos|el aeropuerto|se sostiene en el aire gracias a sus alas
el autobús|un medio de transporte|llevar a muchas personas por la ciudad|la parada|sigue una ruta fija
el libro|un objeto|leer, aprender y recordar|la biblioteca|reúne hojas escritas y encuadernadas
el cuaderno|un objeto|escribir apuntes|la mochila|tiene hojas en blanco o con líneas
el lápiz|un instrumento|escribir y dibujar|el estuche|deja un trazo que se puede borrar
el mapa|una representación|conocer la forma de un territorio|el aula|muestra ríos, montañas y caminos
la carta|un mensaje escrito|comunicarse a distancia|el buzón|lleva la dirección de quien la recibe
el periódico|una publicación|informar de las noticias|el quiosco|aparece todos los días
la guitarra|un instrumento musical|acompañar canciones|la sala de música|tiene seis cuerdas y una caja de madera
el tambor|un instrumento musical|marcar el ritmo|la plaza en días de fiesta|suena cuando se golpea una piel tensa
la flauta|un instrumento musical|tocar melodías|la escuela|produce sonido con el aire que pasa por un tubo
el piano|un instrumento musical|tocar varias notas a la vez|el teatro|tiene teclas blancas y negras
la pelota|un objeto redondo|jugar en grupo|el patio|rebota contra el suelo
el paraguas|un objeto|protegerse de la lluvia|la entrada de la casa|se abre y se cierra con facilidad
el abrigo|una prenda|protegerse del frío|el armario|es largo y grueso
el zapato|una prenda|proteger el pie al caminar|la entrada|tiene una suela resistente
la moneda|una pieza de metal|pagar en las compras|el bolsillo|lleva grabado su valor
la llave|un objeto de metal|abrir y cerrar una puerta|el llavero|encaja en una sola cerradura
la vela|un objeto de cera|dar luz cuando falta la electricidad|el cajón|arde despacio alrededor de una mecha
el jabón|una sustancia|limpiar la piel y la ropa|el lavabo|forma espuma al mezclarse con el agua
la cuerda|un objeto|atar y sujetar cosas|el barco|está hecha de fibras torcidas
el horno|un aparato|cocer el pan y asar alimentos|la panadería|guarda el calor en su interior
el pozo|una obra|sacar agua del suelo|el patio del pueblo|llega hasta el agua que hay bajo la tierra
la presa|una obra|retener el agua de un río|el valle|forma un gran lago artificial
el arado|una herramienta agrícola|abrir la tierra antes de sembrar|el campo|deja surcos rectos
la red|un tejido de cuerdas|pescar|la playa|deja pasar el agua y retiene los peces
"""

# name with article | class | lives in | eats or needs | a trait
LIVING = """
el perro|un animal doméstico|las casas y los campos|carne y otros alimentos|tiene un olfato muy fino
el gato|un animal doméstico|las casas|carne y pescado|ve bien con poca luz
el caballo|un mamífero|los prados|hierba y grano|corre a gran velocidad
la vaca|un mamífero|las granjas|hierba|da leche para sus crías y para las personas
la oveja|un mamífero|los pastos|hierba|tiene el cuerpo cubierto de lana
el lobo|un mamífero|los bosques|la carne de otros animales|caza en grupo
el zorro|un mamífero|los bosques y los campos|pequeños animales y frutos|tiene una cola larga y espesa
el oso|un mamífero|las montañas|frutos, miel y peces|duerme gran parte del invierno
el murciélago|un mamífero|las cuevas|insectos o frutas|vuela de noche guiado por el eco
la ballena|un mamífero|el mar|animales muy pequeños del agua|sube a la superficie para respirar
el delfín|un mamífero|el mar|peces|se comunica con silbidos
el águila|un ave|las montañas|otros animales|distingue a su presa desde muy lejos
la golondrina|un ave|los pueblos en verano|insectos|viaja a tierras cálidas cuando llega el frío
el búho|un ave|los árboles viejos|ratones|gira mucho la cabeza
la gallina|un ave|los corrales|grano|pone huevos casi todos los días
el pingüino|un ave|las costas frías|peces|no vuela, pero nada muy bien
la serpiente|un reptil|los lugares secos|animales pequeños|se desplaza sin patas
la tortuga|un reptil|los ríos y el mar|plantas y animales pequeños|lleva un caparazón duro
el lagarto|un reptil|las rocas|insectos|toma el sol para calentarse
la rana|un anfibio|las charcas|insectos|nace en el agua y de adulta vive también en tierra
el salmón|un pez|los ríos y el mar|animales pequeños|remonta el río para poner sus huevos
el tiburón|un pez|el mar|otros peces|tiene varias filas de dientes
la abeja|un insecto|las colmenas|el néctar de las flores|fabrica miel y ayuda a formar los frutos
la hormiga|un insecto|los hormigueros|semillas y restos|trabaja en grandes colonias
la mariposa|un insecto|los jardines|el néctar de las flores|antes de volar fue una oruga
la araña|un animal pequeño|los rincones|insectos|teje una tela con hilos muy finos
el pulpo|un animal marino|las rocas del fondo|cangrejos|tiene ocho brazos y cambia de color
el caracol|un animal pequeño|los jardines húmedos|hojas|lleva una concha en espiral
el roble|un árbol|los bosques templados|luz, agua y tierra profunda|vive cientos de años y da bellotas
el pino|un árbol|las montañas|luz y poca agua|conserva las hojas en invierno
el olivo|un árbol|las tierras secas y soleadas|mucho sol|da un fruto del que se saca aceite
la palmera|una planta|las regiones cálidas|calor y agua|tiene un tronco recto y hojas largas
el trigo|un cereal|los campos llanos|sol y lluvias moderadas|se muele para hacer harina
el arroz|un cereal|los campos cubiertos de agua|calor y mucha agua|alimenta a una gran parte de la población
el maíz|un cereal|los campos cálidos|sol y agua|forma mazorcas llenas de granos
la rosa|una flor|los jardines|sol y riego|tiene espinas y un perfume agradable
el cactus|una planta|los desiertos|muy poca agua|guarda agua en su tallo
el musgo|una planta pequeña|los lugares húmedos y con sombra|humedad|cubre las piedras como una alfombra
la seta|un hongo|los bosques en otoño|la materia que se descompone|aparece después de las lluvias
"""

# name with article | general definition | cause or steps | consequence
PROCESSES = """
la evaporación|el paso del agua líquida a vapor|el calor aumenta el movimiento de las partículas|la ropa mojada se seca al aire
la condensación|el paso del vapor a líquido|el aire se enfría y no puede guardar tanta humedad|se forman las nubes y el rocío
la fotosíntesis|el proceso por el cual las plantas fabrican su alimento|las hojas usan la luz, el agua y el aire|se libera el oxígeno que respiramos
la digestión|la transformación de los alimentos en sustancias más simples|el estómago y el intestino trabajan en varias etapas|el cuerpo recibe energía y materiales
la respiración|el intercambio de gases con el aire|los pulmones se llenan y se vacían|la sangre lleva oxígeno a todo el cuerpo
la germinación|el comienzo de la vida de una planta|la semilla recibe agua y calor|aparecen la raíz y el primer tallo
la erosión|el desgaste de las rocas y del suelo|el agua, el hielo y el viento arrastran materiales|cambia la forma del paisaje
la sequía|la falta de lluvia durante mucho tiempo|llegan pocas nubes cargadas de agua|las cosechas disminuyen
la inundación|la salida del agua fuera de su cauce|llueve mucho en poco tiempo|los campos y las calles quedan cubiertos
el comercio|el intercambio de productos por dinero o por otros productos|unas regiones producen lo que a otras les falta|las personas consiguen bienes variados
el ahorro|la decisión de guardar una parte de lo que se gana|se gasta menos de lo que se recibe|es posible afrontar un gasto inesperado
la publicidad|el conjunto de mensajes que invitan a comprar|las empresas quieren dar a conocer sus productos|cambian los gustos de la gente
la educación|la formación de las personas a lo largo de su vida|maestros, familias y compañeros transmiten lo que saben|cada generación puede mejorar lo que recibió
la lectura|la comprensión de un texto escrito|los ojos reconocen letras y la mente construye un sentido|crecen el vocabulario y la imaginación
el reciclaje|el aprovechamiento de materiales ya usados|se separan el papel, el vidrio y los metales|se reducen los residuos
la contaminación|la presencia de sustancias dañinas en el medio|fábricas, vehículos y basuras las producen|sufren las plantas, los animales y las personas
el clima|el conjunto de condiciones habituales del tiempo en un lugar|influyen la altura, el mar y la distancia al ecuador|determina qué plantas crecen allí
la marea|la subida y bajada del nivel del mar|la Luna y el Sol atraen el agua|la playa se ensancha y se estrecha cada día
el terremoto|un movimiento brusco del suelo|las placas de la corteza chocan o se separan|los edificios débiles pueden caer
el volcán|una abertura por la que sale material fundido|la presión del interior empuja hacia arriba|nacen montañas y suelos fértiles
la electricidad|una forma de energía que se mueve por los cables|se produce en centrales con agua, viento o calor|funcionan las luces y las máquinas
el magnetismo|la fuerza con que un imán atrae el hierro|ciertos materiales ordenan sus partículas|la brújula señala el norte
la gravedad|la fuerza que atrae los cuerpos hacia la Tierra|toda masa atrae a las demás|los objetos caen cuando se sueltan
el sonido|una vibración que viaja por el aire o por otro medio|un cuerpo se mueve muy deprisa|el oído lo percibe
la fermentación|la transformación de un alimento por seres muy pequeños|las levaduras consumen el azúcar|la masa del pan crece
la oxidación|la combinación de un material con el oxígeno|el hierro queda expuesto a la humedad|aparece una capa rojiza
el tráfico|la circulación de vehículos por una vía|muchas personas viajan a la misma hora|los viajes se vuelven lentos
el ejercicio físico|la actividad del cuerpo que mejora la salud|los músculos y el corazón trabajan más de lo habitual|el cuerpo se vuelve más fuerte
el sueño|el descanso regular del cuerpo y de la mente|el cerebro cambia su actividad durante la noche|la memoria y el ánimo mejoran
la amistad|una relación de confianza entre personas|se comparten tiempo, juegos y dificultades|nadie se siente solo
el turismo|el viaje a otros lugares por descanso o interés|las personas disponen de vacaciones y de transporte|los pueblos reciben ingresos y también molestias
la agricultura|el cultivo de la tierra para obtener alimentos|se prepara el suelo, se siembra, se riega y se cosecha|la población dispone de comida
la pesca|la captura de peces y otros animales del agua|se emplean redes, anzuelos y barcos|muchas costas viven de ella
la artesanía|la producción de objetos a mano|una persona domina un material y unas herramientas|cada pieza resulta diferente
la votación|la elección de una propuesta o de una persona por muchas|cada participante expresa su preferencia|el grupo acepta lo que decide la mayoría
la vacuna|una preparación que enseña al cuerpo a defenderse|el cuerpo conoce una forma débil del peligro|la enfermedad se vuelve menos grave
"""

PEOPLE = """Marta Lucía Carmen Elena Rosa Inés Julia Ana Teresa Pilar Sofía Clara Irene Nuria Paula Laura
Pedro Juan Luis Andrés Miguel Tomás Diego Pablo Jorge Hugo Mateo Rafael Emilio Martín Óscar Daniel""".split()
TRADES = """la maestra|enseña a leer y a escribir|la escuela
el panadero|amasa el pan antes del amanecer|la panadería
la médica|atiende a los enfermos con paciencia|el hospital
el carpintero|construye mesas y ventanas|el taller
la pescadora|revisa las redes y sale al mar|el puerto
el jardinero|poda los árboles y riega las flores|el parque
la periodista|pregunta, comprueba y escribe noticias|la redacción
el cartero|reparte cartas por el barrio|la oficina de correos
la arquitecta|dibuja los planos de los edificios|el estudio
el músico|ensaya cada tarde con su orquesta|el teatro
la bióloga|estudia las plantas del bosque|el laboratorio
el agricultor|siembra el trigo y vigila las lluvias|el campo
la juez|escucha a las dos partes antes de decidir|el tribunal
el bibliotecario|ordena los libros y ayuda a encontrarlos|la biblioteca
la costurera|arregla vestidos y abrigos|la tienda
el conductor|lleva a los viajeros de un pueblo a otro|la estación
la pintora|mezcla los colores con mucho cuidado|el estudio
el pastor|cuida las ovejas en la montaña|la sierra
la ingeniera|calcula la resistencia de los puentes|la oficina
el cocinero|prepara sopas, guisos y postres|el restaurante"""
PLACES = """en la plaza del pueblo|junto al río|en la cocina de su abuela|cerca de la estación|en el mercado|en la orilla del mar
en lo alto de la montaña|en una calle estrecha|en el patio de la escuela|en la biblioteca del barrio|en un valle tranquilo
a la sombra de un árbol|en el camino del bosque|en una casa de piedra|en la sala de espera|en el huerto""".replace("\n", "|").split("|")
TIMES = """Una mañana de invierno|Aquella tarde|El primer día de la primavera|Cada domingo|Al caer la noche|Hace muchos años
Después de la lluvia|Durante las vacaciones|Cuando terminó la fiesta|Poco antes del mediodía|La semana pasada
En los días de calor|Al comenzar el otoño|Una noche sin luna""".replace("\n", "|").split("|")
ACTIONS = """encontró una carta antigua|perdió las llaves de su casa|decidió plantar un árbol|aprendió una canción nueva
ayudó a una vecina a llevar la compra|compró pan, queso y fruta|escribió una larga carta a su hermano|vio pasar una bandada de pájaros
reparó una silla rota|preparó una sopa de verduras|leyó en voz alta un cuento|descubrió un camino que no conocía
oyó un ruido extraño|contó una historia de su infancia|esperó el autobús bajo la lluvia|observó las estrellas en silencio
recogió conchas de colores|dibujó un mapa de la región|invitó a sus amigos a comer|pidió consejo a su maestra""".replace("\n", "|").split("|")
RESULTS = """y desde entonces nunca lo olvidó|y todos se alegraron mucho|pero no dijo nada a nadie|y volvió a casa contento de lo vivido
aunque al principio tuvo un poco de miedo|porque quería comprender lo que pasaba|y por la noche se lo contó a su familia
y así empezó una larga amistad|pero el viento se lo llevó todo|y al día siguiente volvió al mismo lugar
sin saber que aquello cambiaría su vida|y pensó que la paciencia da sus frutos""".replace("\n", "|").split("|")
OPINIONS = """es necesario escuchar antes de juzgar|conviene distinguir los hechos de las opiniones|nadie puede saberlo todo
la experiencia enseña tanto como los libros|un mismo hecho puede explicarse de varias maneras|los cambios importantes suelen ser lentos
compartir el trabajo lo hace más ligero|cada lugar guarda una historia distinta|las palabras cambian con el tiempo
la confianza se gana poco a poco|lo pequeño también merece atención|una buena pregunta vale más que una respuesta rápida""".replace("\n", "|").split("|")
LINKS = ["Por eso", "Sin embargo", "Además", "En cambio", "Por lo tanto", "De este modo", "Al mismo tiempo", "En general",
         "Por ejemplo", "Con el tiempo", "A pesar de ello", "En consecuencia", "Por otra parte", "Así"]


THINGS, LIVING, PROCESSES, TRADES = rows(THINGS), rows(LIVING), rows(PROCESSES), rows(TRADES)

# Names that nobody bears: what is asked about cannot be known beforehand, only read in the question.
ONSETS = "b c d f g l m n p r s t v br cl dr fl gr pl tr ch ll".split()
NUCLEI = "a e i o u ia ie ue".split()
CODAS = ["", "", "", "n", "r", "l", "s"]
SURNAME_ENDS = ["ales", "eda", "ero", "uela", "anza", "illo", "ardo", "osa", "ina", "ete", "ares", "undi"]
TOWN_BEGINS = ["Villa", "Torre", "Monte", "Fuente", "Val", "Peña", "Rivas de ", "San ", "Puerto ", "Alda"]
KINDS = """un pueblo de la costa|una aldea de montaña|una ciudad del interior|un barrio antiguo|un valle poco conocido|una isla del sur
un puerto de pescadores|una región de viñedos""".replace("\n", "|").split("|")
ABSTRACT = """la paciencia|el silencio|la memoria|el cansancio|la alegría|el regreso|la espera|el orden|la costumbre|el miedo|la sombra|el ruido
la llegada|el color|la fuerza|el olvido|la distancia|el consejo|la promesa|el reparto|la forma|el origen|la defensa|el uso|la pérdida|el cuidado
la teoría|el método|el modelo|la escuela|el estudio|el análisis|la crítica|el sistema|la regla|el límite|la función|el debate""".replace("\n", "|").split("|")
QUALITIES = """antiguo|común|verdadero|pequeño|moderno|visible|oculto|simple|lejano|interior|social|natural|popular|técnico|rural|urbano
nuevo|breve|general|propio|doble|central""".replace("\n", "|").split("|")
MEANINGS = """una manera de entender lo que ocurre cada día|algo que se aprende con la práctica|una idea que explica muchos casos
un asunto del que se habla en todas partes|el resultado de muchas decisiones pequeñas|una forma de ordenar el trabajo
la parte menos visible de una historia|un modo de relacionarse con los demás|una costumbre que pasa de padres a hijos
un problema que admite varias soluciones""".replace("\n", "|").split("|")
NOUN_ENDS = {"el": "ismo|aje|amiento|ario|or|ema|ato".split("|"),
             "la": "idad|ación|ología|anza|encia|ura|ería|ogenia|osis".split("|")}
ADJECTIVE_ENDS = [("ico", "ica"), ("al", "al"), ("ario", "aria"), ("oso", "osa"), ("ivo", "iva"), ("ante", "ante"),
                  ("ista", "ista"), ("ado", "ada"), ("ístico", "ística"), ("ilíneo", "ilínea"), ("ar", "ar")]
